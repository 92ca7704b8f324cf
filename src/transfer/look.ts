import type { Clock } from "../async/clock.ts";
import { together } from "../async/scope.ts";
import type { PullQuota, Store, TargetFacts } from "../content/store.ts";
import { WaybillError, type ErrorContext } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";
import { recordFrom } from "../spec/json.ts";
import type { Location } from "../spec/reference.ts";
import { nameAgain, nameNow } from "./name-now.ts";
import { namedText, noNames, withNames, type KnownTags, type Named, type NamesOfTags } from "./named.ts";
import { isUpToDate } from "./plan.ts";
import { tagName } from "./recording.ts";

/** Where a publish goes: one repository or layout and the tags it shall get there, in order. Without tags: by digest only. */
export interface PublishTarget {
  readonly at: Location;
  readonly tags: readonly string[];
}

type Expectation = readonly [tag: string, digest: Named];

/** A target as it was found. */
export interface Found extends KnownTags {
  readonly state: "found";
  readonly target: PublishTarget;
  /** What tags must name, unless that is the root already. */
  readonly expected?: readonly Expectation[];
  readonly facts: TargetFacts;
  /** Whether it lets us write; absent where it was not asked. */
  readonly push?: "allowed" | "unknown";
  readonly startedAt: number;
}

/** A target that cannot be published to, and why; with what its tags name, as far as they could be looked at. */
export interface Refused {
  readonly state: "refused";
  readonly target: PublishTarget;
  readonly error: unknown;
  readonly before?: NamesOfTags;
  readonly startedAt: number;
}

/** What became of looking at a target. */
export type Looked = Found | Refused;

/** True for a target that has been looked at and can be published to. */
export function isFound(entry: { readonly state: string }): entry is Found {
  return entry.state === "found";
}

/** True where every tag names `root` already, so that nothing of it needs to be written. */
export function namesAlready({ target, before }: Found, root: Digest): boolean {
  return isUpToDate({ ...target, before }, root);
}

/** The target, which cannot be published to after all. */
export function refused({ target, before, startedAt }: Found, error: unknown): Refused {
  return { state: "refused", target, before, startedAt, error };
}

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
    immutable: recordFrom(target.tags.map((tag) => [tag, immutable])),
    ...(facts.pullQuota && { pullQuota: facts.pullQuota }),
  };
}

/** What looking needs. Tags are known by `tagName`. */
export interface LookOptions {
  readonly open: (location: Location) => Promise<Store>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** What tags must name before they are moved; default: nothing is demanded. */
  readonly expect?: ReadonlyMap<string, Named>;
  /** Tags that are known to name something: that they name nothing is not believed at once. Default none. */
  readonly present?: ReadonlySet<string>;
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
    const { clock } = options;
    const isKnown = (tag: string) => options.present?.has(tagName(target.at, tag)) === true;
    const nameOf = async (tag: string, signal: AbortSignal) => {
      const ask = isKnown(tag) ? nameAgain : nameNow;
      return [tag, await ask(store, tag, { signal, clock })] as const;
    };
    const named = await together(target.tags, nameOf, { signal: options.signal });
    const before = recordFrom(named.flatMap(([tag, now]) => (now === undefined ? [] : [[tag, now]])));
    return expecting({ state: "found", target, before, facts: store.facts?.() ?? {}, startedAt }, options.expect);
  } catch (error) {
    return { state: "refused", target, error, startedAt };
  }
}

/** The entry, with what is expected of its tags: whether it holds is judged once the root is known. */
function expecting(found: Found, expect: LookOptions["expect"] = new Map()): Found {
  const { at, tags } = found.target;
  const expected = tags.flatMap((tag): Expectation[] => {
    const digest = expect.get(tagName(at, tag));
    return digest === undefined ? [] : [[tag, digest]];
  });
  return expected.length === 0 ? found : { ...demanding(found, expected), expected };
}

/** The entry, refused where one of its tags names neither what is expected of it nor `root`, which leaves nothing to move. */
export function asExpected(entry: Looked, root: Digest): Looked {
  if (!isFound(entry)) return entry;
  const { before, expected = [] } = entry;
  const isWrong = ([tag, digest]: Expectation) =>
    before[tag] !== undefined && before[tag] !== digest && before[tag] !== root;
  const wrong = expected.find(isWrong);
  if (!wrong) return entry;
  const [tag, digest] = wrong;
  const seen = `expected ${digest}, got ${namedText(before[tag] ?? "absent")}`;
  return refused(entry, preconditionFailed(entry, tag, { doing: "move", seen }));
}

/** The entry, refused where one of its tags names something else than `root` already: `--no-clobber`. */
export function unclobbered(entry: Looked, root: Digest): Looked {
  if (!isFound(entry)) return entry;
  const { target, before } = entry;
  const taken = target.tags.find(
    (tag) => before[tag] !== undefined && before[tag] !== "absent" && before[tag] !== root,
  );
  if (taken === undefined)
    return demanding(
      entry,
      target.tags.map((tag) => [tag, "absent"]),
    );
  const seen = `it names ${before[taken]} already, and --no-clobber never moves a tag`;
  return refused(entry, preconditionFailed(entry, taken, { doing: "write", seen }));
}

/** The entry, with what is demanded of tags that it could not look at. What was demanded before stays. */
export function demanding(found: Found, wanted: readonly Expectation[]): Found {
  const unseen = wanted.filter(([tag]) => found.before[tag] === undefined);
  if (unseen.length === 0) return found;
  return { ...found, demanded: withNames(recordFrom(unseen), found.demanded ?? noNames) };
}

function preconditionFailed(
  { target }: Found,
  tag: string,
  { doing, seen }: { readonly doing: "move" | "write"; readonly seen: string },
): WaybillError {
  const name = tagName(target.at, tag);
  const context: ErrorContext = { subject: name, side: "target" };
  return new WaybillError("precondition_failed", `Cannot ${doing} tag "${name}": ${seen}`, context);
}
