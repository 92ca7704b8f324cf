import type { Store } from "../content/store.ts";
import type { Digest } from "../spec/digest.ts";
import type { Location } from "../spec/reference.ts";
import type { Late } from "./late.ts";
import { isFound, namesAlready, refused, type Found, type Looked } from "./look.ts";

/** Where targets are opened, and what ends the asking; stores stay the caller's. */
export interface PreflightOptions {
  readonly open: (location: Location) => Promise<Store>;
  readonly signal?: AbortSignal;
}

/**
 * Finds out whether the targets that need `root` may be written to, before content goes to any of them. A single such target
 * is not asked: its first write asks, and nobody else has been sent anything by then. Neither is one whose tags are right.
 *
 * @returns the same entries; one that must not be written to says why. Never rejects.
 */
export function preflight(
  looked: readonly (Looked | Late)[],
  root: Digest,
  options: PreflightOptions,
): Promise<readonly (Looked | Late)[]> {
  const isDue = (entry: Looked | Late): entry is Found => isFound(entry) && !namesAlready(entry, root);
  const isAsked = looked.filter(isDue).length > 1;
  return Promise.all(looked.map(async (entry) => (isAsked && isDue(entry) ? probed(entry, options) : entry)));
}

async function probed(entry: Found, { open, signal }: PreflightOptions): Promise<Looked> {
  try {
    const store = await open(entry.target.at);
    const push = (await store.probe?.(signal && { signal })) ?? "unknown";
    return { ...entry, push };
  } catch (error) {
    return refused(entry, error);
  }
}
