import type { TagState, TargetResult } from "./ledger.ts";

const asAsked: ReadonlySet<TagState> = new Set(["created", "moved", "unchanged"]);

/** True when everything that was asked for is at the target. */
export function isComplete({ error, heldBack, tags }: TargetResult): boolean {
  return error === undefined && !heldBack && tags.every(({ state }) => asAsked.has(state));
}
