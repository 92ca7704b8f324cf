import type { Source } from "../content/store.ts";
import type { Digest } from "../spec/digest.ts";
import type { Manifest } from "../spec/manifest.ts";
import type { Location } from "../spec/reference.ts";
import type { ClosureRoot } from "../transfer/closure.ts";
import type { TargetResult } from "../transfer/result.ts";
import { isLate, type Late } from "../transfer/late.ts";
import { namesAlready, type Looked } from "../transfer/look.ts";
import type { PublishPolicy } from "../transfer/policy.ts";
import { publicationOf } from "../transfer/publication.ts";
import { publish } from "../transfer/publish.ts";
import type { Recording } from "../transfer/recording.ts";
import type { ReferrersPolicy } from "../transfer/referrers.ts";
import type { Ahead } from "./ahead.ts";
import type { Context } from "./context.ts";
import { plan, preflight } from "./phases.ts";

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
  const { root, looked, policy } = request;
  const { digest } = root.manifest.descriptor;
  const writesTags = !isRefused(request) && !looked.every((entry) => isRight(entry, digest, policy));
  // The disk and the registries that hold the children are asked at the same time.
  const recorded = recordingOf(request, context, writesTags ? "begin" : "goOn");
  const closure = readsChildren(request) ? closureAt(request, context) : Promise.resolve(nothingBelow(digest));
  const probing = probed(request, context);
  const [recording, children] = await Promise.allSettled([recorded, closure, probing]);
  await using taken = recording.status === "fulfilled" ? recording.value : undefined;
  if (recording.status === "rejected") throw recording.reason;
  if (children.status === "rejected") {
    await taken?.end({ state: "failed", results: [], error: children.reason });
    throw children.reason;
  }
  const options = { ...context, policy, ...(taken && { recording: taken }) };
  const targets = await publish(children.value, await probing, options);
  return { targets, leftBehind: children.value.leftBehind };
}

/** The targets, also asked whether they may be written to where one that refuses ends them all. */
async function probed(request: RootToPublish, context: Context): Promise<readonly (Looked | Late)[]> {
  const { root, looked, policy, ahead } = request;
  if (isRefused(request) || policy.onError !== "abort" || !readsChildren(request)) return looked;
  const { digest } = root.manifest.descriptor;
  return ahead?.root === digest ? ahead.permissions : preflight(looked, digest, context);
}

function recordingOf(
  { root, looked, referrers, policy }: RootToPublish,
  { recorder }: Context,
  how: "begin" | "goOn",
): Promise<Recording | undefined> {
  if (!recorder) return Promise.resolve(undefined);
  return recorder[how](publicationOf(root, looked, { referrers: referrers.text, policy }));
}

function closureAt({ root, looked, referrers, policy, open, known }: RootToPublish, context: Context) {
  const { digest } = root.manifest.descriptor;
  const isComplete = looked.every((entry) => isRight(entry, digest, policy));
  return plan(root, { ...context, open, referrers, isComplete, ...(known && { known }) });
}

function nothingBelow(root: Digest) {
  return { root, nodes: new Map(), referrers: [], leftBehind: {} };
}

/** Where every tag is right and no referrer is asked for, or where no target can be written to, the children need not be read. */
function readsChildren(request: RootToPublish): boolean {
  if (isRefused(request)) return false;
  const { root, looked, referrers, policy } = request;
  const { digest } = root.manifest.descriptor;
  return referrers.lookUp || !looked.every((entry) => isRight(entry, digest, policy));
}

/** No target can be written to, or one cannot and the policy gives up all. */
function isRefused({ looked, policy }: RootToPublish): boolean {
  const isWrong = (entry: Looked | Late) => "error" in entry;
  return looked.every(isWrong) || (policy.onError === "abort" && looked.some(isWrong));
}

/** Nothing is to be done about its tags: they are right, and nobody wants to know what is behind them; or nothing can be done. */
function isRight(entry: Looked | Late, root: Digest, { verify }: PublishPolicy): boolean {
  if (isLate(entry)) return false;
  return "error" in entry || (verify !== "full" && namesAlready(entry, root));
}
