import { finestOf, type Clock } from "../async/clock.ts";
import { storeForTask } from "../content/for-task.ts";
import type { CallOptions, PushManifestOptions, Store } from "../content/store.ts";
import { messageOf, WaybillError } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import { silent, type Report } from "../telemetry/events.ts";
import { asTask } from "../telemetry/task.ts";
import { afterwards } from "./afterwards.ts";
import { deleteCreated } from "./delete-created.ts";
import { knownName, nameAfterwards } from "./name-now.ts";
import { namedText, type Named } from "./named.ts";
import { isAnswerLost, isLeftAlone } from "./unsure-writes.ts";

/** A tag that a publish has moved, or may have. */
export interface Move {
  readonly tag: string;
  /** What it named before; absent where nobody knows. */
  readonly before?: Named;
  /** What it was made to name. */
  readonly ours: Digest;
  /** Why its write may show later: that is waited for, for ten seconds. Default: it may not. */
  readonly mayLand?: MayLand;
  /**
   * Nobody has heard of an attempt before the one that was acknowledged: it may be carried out after the tag was put back, which is
   * watched for ten seconds. Default false.
   */
  readonly mayRepeat?: boolean;
}

/**
 * Why a tag that names what it named before may name something else soon. `unheard`: nobody has heard what came of its write, and the
 * registry may still carry it out. `late`: it was acknowledged, and the registry may show that late.
 */
export type MayLand = "unheard" | "late";

/**
 * What taking a move back came to: it names again what it named before, also where that was nothing; it was new and names the
 * new content still; somebody else has moved it on, and it is theirs. `kept`: it could not be put back, for `error`.
 */
export type Undone =
  | ({ readonly tag: string } & (Restored | Unsettled))
  | { readonly tag: string; readonly state: "kept"; readonly error: unknown };

export interface UndoOptions {
  readonly open: (location: Location) => Promise<Store>;
  readonly clock: Clock;
  readonly report?: Report;
  /** The run's own, which may have aborted: what is undone is undone all the same, in less time where it was interrupted. */
  readonly signal?: AbortSignal;
  /** Take tags away that named nothing before, where the store is known to take nothing else with them. Default: they stay. */
  readonly deleteCreated?: boolean;
  /** Tags of the target beside `moves` that may name the same, and must do so afterwards; default none. */
  readonly siblings?: readonly string[];
}

/** Puts the tags of one target back, one after another, where they are still ours. Never rejects. */
export function undo(at: Location, moves: readonly Move[], options: UndoOptions): Promise<readonly Undone[]> {
  const { clock, siblings = [], report = silent } = options;
  const tags = moves.map(({ tag }) => tag);
  const target = formatLocation(at);
  const task = { id: `rollback ${target}`, phase: "rollback", target, tags } as const;
  const open = async (location: Location) => storeForTask(await options.open(location), task.id);
  const undoAll = async () => {
    const undone: Undone[] = [];
    for (const move of moves) {
      const others = [...siblings, ...tags].filter((tag) => tag !== move.tag);
      undone.push(await undoOne(at, move, { ...options, open, siblings: others }));
    }
    return undone;
  };
  return asTask(task, { report, now: finestOf(clock) }, undoAll);
}

async function undoOne(at: Location, move: Move, options: UndoOptions): Promise<Undone> {
  const { tag, before, mayLand, mayRepeat = false } = move;
  if (mayRepeat) return undoAgain(at, move, options);
  const isSettled = mayLand === undefined || (await hasLanded(at, move, options));
  const undone = await undoNow(at, move, options);
  if (isSettled || undone.state === "failed" || undone.state === "kept") return undone;
  return { tag, state: "failed", why: mayBeWritten[mayLand], mayDiffer: true, ...(before && { now: before }) };
}

/** What was put back and is ours again within ten seconds is put back once more. */
async function undoAgain(at: Location, move: Move, options: UndoOptions): Promise<Undone> {
  const undone = await undoNow(at, move, options);
  if (undone.state !== "rolled-back" || !(await hasLanded(at, move, options))) return undone;
  return undoNow(at, move, options);
}

/** Waits until the tag names something else than before. */
async function hasLanded(at: Location, { tag, before }: Move, options: UndoOptions): Promise<boolean> {
  const isAsBefore = (now: Named | undefined) => now === undefined || now === before;
  return !isAsBefore(await nameAfterwards(tag, { ...options, at }, isAsBefore));
}

async function undoNow(at: Location, move: Move, options: UndoOptions): Promise<Undone> {
  const { open } = options;
  const { tag, before } = move;
  if (before === undefined) return { tag, state: "left-behind", why: unknownBefore };
  if (before === "absent" && !options.deleteCreated) return { tag, state: "left-behind", why: notAsked };
  let isBegun = false;
  let first: Named | undefined;
  try {
    const known = { ...move, before };
    const told = { onBegun: () => void (isBegun = true), onLooked: (named: Named) => void (first = named) };
    const putBack = async (signal: AbortSignal) => restore(await open(at), known, { ...options, signal, ...told });
    return { tag, ...(await afterwards(options, at, putBack)) };
  } catch (error) {
    const now = await nameAfterwards(tag, { ...options, at });
    const isUnheard = isBegun && (isAnswerLost(error) || isLeftAlone(error));
    if (now !== undefined && now !== before && now !== move.ours) return { tag, ...movedOn(now) };
    // What was refused has not put it back: its registry shows late what was written.
    if (now === before && (isUnheard || first !== move.ours)) return { tag, state: "rolled-back" };
    if (isUnheard) return { tag, state: "failed", why: mayBeBack, mayDiffer: true, ...(now !== undefined && { now }) };
    return before === "absent" ? { tag, state: "left-behind", why: messageOf(error) } : { tag, state: "kept", error };
  }
}

const notAsked = "new tags stay without --delete-created-tags";
const unknownBefore = "what it named before is not known";
const mayBeBack = "nobody has heard what came of putting it back, and it may be done still";
const mayBeWritten = {
  unheard: "nobody has heard what came of its write, and it may be written still",
  late: "it was written, and its registry may show that late",
} as const satisfies Record<MayLand, string>;

/** A write that comes later than so long after a look is looked for again. */
const lookAgainMs = 1000;

type KnownMove = Move & Required<Pick<Move, "before">>;

type Restored =
  | { readonly state: "rolled-back" | "left-behind"; readonly why?: string }
  | { readonly state: "failed"; readonly why: string; readonly now: Named };

/** What it names is not known, or may not stay so. */
interface Unsettled {
  readonly state: "failed";
  readonly why: string;
  readonly now?: Named;
  readonly mayDiffer: true;
}

/** What becomes of a tag that somebody else has moved: it is not ours to undo. */
export function movedOn(now: Digest | "absent"): Restored & { readonly state: "failed" } {
  const why = now === "absent" ? "somebody has deleted it since" : `somebody has moved it since: it names ${now} now`;
  return { state: "failed", why, now };
}

interface RestoreOptions extends UndoOptions, CallOptions {
  /** Told what the tag names at first, and when its change is about to be sent. */
  readonly onLooked: (named: Named) => void;
  readonly onBegun: () => void;
}

/** Also where the tag seems to name what it named before: registries may show late what was written. */
async function restore(
  store: Store,
  { tag, before, ours }: KnownMove,
  { siblings = [], signal, clock, onBegun, onLooked }: RestoreOptions,
): Promise<Restored> {
  const call = { signal };
  const lookedAt = clock.now();
  const now = await knownName(store, tag, call);
  onLooked(now);
  if (now !== ours && now !== before) return movedOn(now);
  if (before === "absent") {
    onBegun();
    const { isGone, why } = await deleteCreated(store, { tag, ours, siblings }, { ...call, clock });
    return { state: isGone ? "rolled-back" : "left-behind", ...(why !== undefined && { why }) };
  }
  const old = await store.manifest(before, call);
  const beforeTagging: PushManifestOptions["beforeTagging"] = async (_tags, limits) => {
    const isFresh = clock.now() - lookedAt < lookAgainMs;
    const again = isFresh ? ours : await knownName(store, tag, { ...call, ...limits });
    if (again === ours || again === before) return onBegun();
    throw new WaybillError("precondition_failed", `Cannot put tag "${tag}" back: it names ${namedText(again)} now`);
  };
  await store.pushManifest(old, { ...call, tags: [tag], beforeTagging });
  return { state: "rolled-back" };
}
