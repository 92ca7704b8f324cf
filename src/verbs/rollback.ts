import type { Digest } from "../spec/digest.ts";
import type { Location } from "../spec/reference.ts";
import type { Named } from "../transfer/named.ts";
import type { TagResult, TargetResult } from "../transfer/result.ts";
import { targetsOf, type Publication } from "../transfer/publication.ts";
import { tagName, type Earlier } from "../transfer/recording.ts";
import { movedOn, undo, type MayLand, type Move, type Undone } from "../transfer/rollback.ts";
import { lookAsTasks } from "./as-tasks.ts";
import type { Context } from "./context.ts";

/** What undoing a publish would do at one target, from what its tags name now. */
export interface RollbackTarget {
  readonly at: Location;
  readonly tags: readonly RollbackTag[];
  /** Tags that were new could be taken away here, and nothing else with them. */
  readonly canDelete?: true;
  /** Why its tags could not be looked at. */
  readonly error?: unknown;
}

/**
 * One tag: `put-back` names what it named before again; `delete` was new and is taken away; both also where that seems to be so
 * already, because registries may show late what was written. `left` was new, or nobody knows what it named, and is not;
 * `untouched` names something else than what was published, or nothing again; `unseen` cannot be looked at.
 */
export interface RollbackTag {
  readonly tag: string;
  readonly move: "put-back" | "delete" | "left" | "untouched" | "unseen";
  /** Absent where nobody knows. */
  readonly before?: Named;
  readonly now?: Named;
  /** It names what it named before, and may not stay so: rolling back waits for that. */
  readonly mayLand?: MayLand;
}

/** How far a roll-back goes. */
export interface RollbackOptions {
  /** Take tags away that were new, where the target is known to take nothing else with them. Default false. */
  readonly deleteCreated?: boolean;
  /**
   * When the last run of the publication was last heard of, in milliseconds since the Unix epoch: writes of which nobody has heard
   * what came of them may be carried out for a minute from then on. Default: they still may.
   */
  readonly heardAt?: number;
}

/** What undoing would do. Asks every registry what the tags name now; changes nothing. */
export async function planRollback(
  publication: Publication,
  { tags: pasts }: Pick<Earlier, "tags">,
  context: Context,
  { deleteCreated = false, heardAt }: RollbackOptions = {},
): Promise<readonly RollbackTarget[]> {
  const targets = targetsOf(publication);
  using _ = context.announce({ pull: [], push: targets.map(({ at }) => at) });
  const written = [...pasts].filter(([, { write }]) => write !== undefined);
  const present = new Set(written.map(([name]) => name));
  const looked = await lookAsTasks(targets, { ...context, present });
  const isRecent = heardAt === undefined || context.clock.now() - heardAt < landsWithinMs;
  return looked.map((entry) => {
    const { at, tags } = entry.target;
    const root = publication.root.digest;
    const past = (tag: string) => pasts.get(tagName(at, tag));
    const ours = tags.filter((tag) => past(tag)?.write !== undefined);
    if (entry.state === "refused")
      return { at, tags: ours.map((tag) => unseen(tag, past(tag)?.before)), error: entry.error };
    const canDelete = entry.facts.deletesTagsAlone;
    const deletes = deleteCreated && canDelete === true;
    const planned = (tag: string): RollbackTag => {
      const { before, write } = past(tag) ?? {};
      const now = entry.before[tag];
      const isAsBefore = now !== undefined && now === before;
      // One that was acknowledged is put back once more: where it was new there may be nothing to put back, but to wait.
      const mayLand = write === "begun" ? "unheard" : before === "absent" && !deletes ? "late" : undefined;
      return { ...moveOf(tag, { before, now, root, deletes }), ...(mayLand && isRecent && isAsBefore && { mayLand }) };
    };
    return {
      at,
      tags: ours.map(planned),
      ...(canDelete && { canDelete }),
    };
  });
}

/** Gateways and registries give up a request sooner. */
const landsWithinMs = 60_000;

function unseen(tag: string, before: Named | undefined): RollbackTag {
  return { tag, move: "unseen", ...(before !== undefined && { before }) };
}

function moveOf(
  tag: string,
  {
    before,
    now,
    root,
    deletes,
  }: {
    readonly before: Named | undefined;
    readonly now: Named | undefined;
    readonly root: Digest;
    readonly deletes: boolean;
  },
): RollbackTag {
  const known = { ...(before !== undefined && { before }), ...(now !== undefined && { now }) };
  // Where it is as it was, its registry may only show late what was written.
  if (now === undefined || (now !== root && now !== before)) return { tag, move: "untouched", ...known };
  if (before === undefined) return { tag, move: "left", ...known };
  if (before !== "absent") return { tag, move: "put-back", ...known };
  if (deletes) return { tag, move: "delete", ...known };
  return { tag, move: now === root ? "left" : "untouched", ...known };
}

/** Does what was planned, all targets at the same time. A tag that somebody has moved since then stays. Never rejects. */
export async function rollback(
  plan: readonly RollbackTarget[],
  root: Digest,
  context: Context,
): Promise<readonly TargetResult[]> {
  using _ = context.announce({ pull: [], push: plan.map(({ at }) => at) });
  return await Promise.all(plan.map((target) => rollBackTarget(target, root, context)));
}

async function rollBackTarget(target: RollbackTarget, root: Digest, context: Context): Promise<TargetResult> {
  const startedAt = context.clock.now();
  const ours = target.tags.filter(({ move, mayLand }) => mayLand || (move !== "untouched" && move !== "unseen"));
  const deleteCreated = ours.some(({ move }) => move === "delete");
  const moves = ours.map(({ tag, before, mayLand }): Move => ({
    tag,
    ours: root,
    ...(before && { before }),
    ...(mayLand && { mayLand }),
  }));
  const undone = moves.length === 0 ? [] : await undo(target.at, moves, { ...context, deleteCreated });
  const error = target.error ?? undone.find((one) => one.state === "kept")?.error;
  return {
    at: target.at,
    tags: target.tags.map((told) =>
      tagResult(
        told,
        undone.find(({ tag }) => tag === told.tag),
      ),
    ),
    sentBytes: 0,
    mountedBytes: 0,
    skippedBytes: 0,
    durationMs: context.clock.now() - startedAt,
    heldBack: false,
    ...(error !== undefined && { error }),
  };
}

/** What a tag came to; one that was not ours to undo is as it was found. */
function tagResult({ tag, move, before, now }: RollbackTag, undone: Undone | undefined): TagResult {
  const known = { tag, ...(before !== undefined && { before }) };
  if (undone) return undone.state === "kept" ? { ...known, state: "failed" } : { ...known, ...undone };
  if (move === "unseen") return { ...known, state: "failed" };
  if (now === undefined) return { ...known, state: "failed", why: "its registry does not say what it names" };
  return { ...known, ...(now === before ? ({ state: "rolled-back" } as const) : movedOn(now)) };
}
