import { WaybillError } from "../errors.ts";
import type { Source } from "../content/store.ts";
import type { Digest } from "../spec/digest.ts";
import type { Manifest } from "../spec/manifest.ts";
import type { Location } from "../spec/reference.ts";
import { failedState } from "../transfer/cancelled.ts";
import type { Closure, ClosureRoot } from "../transfer/closure.ts";
import type { TargetResult } from "../transfer/result.ts";
import type { Late } from "../transfer/late.ts";
import { namesAlready, type Looked } from "../transfer/look.ts";
import type { PublishPolicy } from "../transfer/policy.ts";
import { publicationOf } from "../transfer/publication.ts";
import { publish } from "../transfer/publish.ts";
import type { Recording } from "../transfer/recording.ts";
import type { ReferrersPolicy } from "../transfer/referrers.ts";
import type { Ahead } from "./ahead.ts";
import { closureAsTask, preflightAsTasks } from "./as-tasks.ts";
import type { Context } from "./context.ts";

export interface RootToPublish {
  readonly root: ClosureRoot;
  /** Late ones only where each target is for itself. */
  readonly looked: readonly (Looked | Late)[];
  readonly referrers: ReferrersPolicy;
  readonly policy: PublishPolicy;
  /** Opens a place to read from; what was read is remembered behind it. */
  readonly open: (location: Location) => Promise<Source>;
  /** Manifests that are here already. */
  readonly known?: ReadonlyMap<Digest, Manifest>;
  /** What has been asked already, where that was for the same root. */
  readonly ahead?: Ahead;
}

export interface Published {
  readonly targets: readonly TargetResult[];
  readonly leftBehind: Readonly<Record<string, number>>;
}

/** Publishes a root with all it needs to the targets that were looked at, recorded where the context records. */
export async function publishRoot(request: RootToPublish, context: Context): Promise<Published> {
  const todo = todoOf(request);
  // The disk and the registries that hold the children are asked at the same time.
  const recorded = recordingOf(request, todo, context);
  const closure = closureAt(request, todo, context);
  const probing = probed(request, todo, context);
  const [recording, children] = await Promise.allSettled([recorded, closure, probing]);
  await using taken = recording.status === "fulfilled" ? recording.value : undefined;
  if (recording.status === "rejected") throw recording.reason;
  if (children.status === "rejected") {
    await taken?.end({ state: failedState(context.signal), results: [], error: children.reason });
    throw knownToHaveMoved(taken) ? afterMoves(children.reason) : children.reason;
  }
  const options = { ...context, policy: request.policy, ...(taken && { recording: taken }) };
  const targets = await publish(children.value, await probing, options);
  return { targets, leftBehind: children.value.leftBehind };
}

/** Whether an earlier run has written a tag, or was about to. */
function knownToHaveMoved(recording: Recording | undefined): boolean {
  return [...(recording?.earlier.tags.values() ?? [])].some(({ write }) => write !== undefined);
}

/** No code may promise untouched tags then. */
function afterMoves(error: unknown): unknown {
  const isOurs = error instanceof WaybillError && error.code !== "cancelled";
  if (!isOurs) return error;
  const { advice } = error.context;
  const message = `Cannot go on after an earlier run has moved tags: ${error.message}`;
  return new WaybillError("partial", message, { ...(advice !== undefined && { advice }) }, { cause: error });
}

/** What the answers of all targets leave to do. */
interface Todo {
  /** Nothing anywhere: no target can be written to, or one cannot and the policy gives up all. */
  readonly isRefused: boolean;
  /** No tag, at any target: the rest is what is behind them. */
  readonly movesNothing: boolean;
  /** Nothing about tags, at any target: they are right, and nobody wants to know what is behind them. */
  readonly needsNothing: boolean;
  /** Where every tag is right and no referrer is asked for, or where no target can be written to, the children need not be read. */
  readonly readsChildren: boolean;
}

function todoOf({ root, looked, referrers, policy }: RootToPublish): Todo {
  const isWrong = ({ state }: Looked | Late) => state === "refused";
  const isRefused = looked.every(isWrong) || (policy.onError === "abort" && looked.some(isWrong));
  const { digest } = root.manifest.descriptor;
  const movesNothing = looked.every((entry) => movesNothingAt(entry, digest));
  const needsNothing = movesNothing && (policy.verify !== "full" || looked.every(isWrong));
  return { isRefused, movesNothing, needsNothing, readsChildren: !isRefused && (referrers.lookUp || !needsNothing) };
}

/** Its tags are right, or nothing can be done about them. */
function movesNothingAt(entry: Looked | Late, root: Digest): boolean {
  if (entry.state === "late") return false;
  return entry.state === "refused" || namesAlready(entry, root);
}

function recordingOf(
  { root, looked, referrers, policy }: RootToPublish,
  { isRefused, movesNothing }: Todo,
  { recorder }: Context,
): Promise<Recording | undefined> {
  if (!recorder) return Promise.resolve(undefined);
  const how = isRefused || movesNothing ? "goOn" : "begin";
  return recorder[how](publicationOf(root, looked, { referrers: referrers.text, policy }));
}

async function closureAt(
  { root, referrers, open, known }: RootToPublish,
  { needsNothing, readsChildren }: Todo,
  context: Context,
): Promise<Closure> {
  const { digest } = root.manifest.descriptor;
  if (!readsChildren) return { root: digest, nodes: new Map(), referrers: [], leftBehind: {} };
  return closureAsTask(root, { ...context, open, referrers, isComplete: needsNothing, ...(known && { known }) });
}

/** The targets, also asked whether they may be written to where one that refuses ends them all. */
async function probed(
  { root, looked, policy, ahead }: RootToPublish,
  { readsChildren }: Todo,
  context: Context,
): Promise<readonly (Looked | Late)[]> {
  if (policy.onError !== "abort" || !readsChildren) return looked;
  const { digest } = root.manifest.descriptor;
  return ahead?.root === digest ? ahead.permissions : preflightAsTasks(looked, digest, context);
}
