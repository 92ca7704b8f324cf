import type { Clock } from "../async/clock.ts";
import type { PullQuota, Store, TargetFacts } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import type { PlannedTarget } from "./plan.ts";

/** Where a publish goes: one repository or layout and the tags it shall get there, in order. Without tags: by digest only. */
export interface PublishTarget {
  readonly at: Location;
  readonly tags: readonly string[];
}

/** A target as it was found. */
export interface Found {
  readonly target: PublishTarget;
  /** What each tag names. */
  readonly before: PlannedTarget["before"];
  readonly facts: TargetFacts;
  /** Whether it lets us write; absent where it was not asked. */
  readonly push?: "allowed" | "unknown";
  readonly startedAt: number;
}

/** A target as it was found, or why it cannot be published to. */
export type Looked = Found | { readonly target: PublishTarget; readonly error: unknown; readonly startedAt: number };

/** What was found out about a target before anything was written. */
export interface PreflightResult {
  /** `unknown` also where nobody asked, because the first write asks as well. */
  readonly push: "allowed" | "unknown";
  /** For each tag, whether a rule keeps it from being moved. Registries do not tell: theirs are `unknown`. */
  readonly immutable: Readonly<Record<string, "no" | "unknown">>;
  /** What is left of the account's reads, where the registry counts them. */
  readonly pullQuota?: PullQuota;
}

/** What was found out, for the result. */
export function preflightResult({ target, facts, push = "unknown" }: Found): PreflightResult {
  const immutable = facts.movesTags ? "no" : "unknown";
  return {
    push,
    immutable: Object.fromEntries(target.tags.map((tag) => [tag, immutable])),
    ...(facts.pullQuota && { pullQuota: facts.pullQuota }),
  };
}

/** What looking needs. `expect`: what tags must name before they are moved, by reference with tag. */
export interface LookOptions {
  readonly open: (location: Location) => Promise<Store>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly expect?: ReadonlyMap<string, Digest | "absent">;
}

/**
 * Asks every target at once what its tags name now, and holds that against what the policy demands. Never rejects: a target
 * that cannot be asked, or whose tags are not as they must be, says so in its entry.
 */
export function lookAt(targets: readonly PublishTarget[], options: LookOptions): Promise<readonly Looked[]> {
  return Promise.all(targets.map((target) => look(target, options)));
}

/** The same for one target. */
export async function look(target: PublishTarget, options: LookOptions): Promise<Looked> {
  const startedAt = options.clock.now();
  try {
    const store = await options.open(target.at);
    const found = await Promise.all(
      target.tags.map((tag) => store.tagged(tag, options.signal && { signal: options.signal })),
    );
    const before = Object.fromEntries(target.tags.map((tag, at) => [tag, found[at]?.digest ?? ("absent" as const)]));
    requireExpected(target, before, options.expect);
    return { target, before, facts: store.facts?.() ?? {}, startedAt };
  } catch (error) {
    return { target, error, startedAt };
  }
}

/** @throws WaybillError `precondition_failed` where a tag does not name what it must. */
function requireExpected(target: PublishTarget, before: PlannedTarget["before"], expect: LookOptions["expect"]): void {
  for (const tag of target.tags) {
    const name = `${formatLocation(target.at)}:${tag}`;
    const wanted = expect?.get(name);
    if (wanted === undefined || wanted === before[tag]) continue;
    const message = `Cannot move tag "${name}": expected ${wanted}, got ${before[tag] ?? "nothing"}`;
    throw new WaybillError("precondition_failed", message, { subject: name, side: "target" });
  }
}

/** The entry, refused where one of its tags names something else than `root` already: `--no-clobber`. */
export function unclobbered(entry: Looked, root: Digest): Looked {
  if ("error" in entry) return entry;
  const { target, before, startedAt } = entry;
  const taken = target.tags.find((tag) => before[tag] !== "absent" && before[tag] !== root);
  if (taken === undefined) return entry;
  const name = `${formatLocation(target.at)}:${taken}`;
  const message = `Cannot write tag "${name}": it names ${before[taken]} already, and --no-clobber never moves a tag`;
  return {
    target,
    startedAt,
    error: new WaybillError("precondition_failed", message, { subject: name, side: "target" }),
  };
}
