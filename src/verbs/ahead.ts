import type { Scope } from "../async/scope.ts";
import type { Source } from "../content/store.ts";
import type { Root } from "../image/assemble.ts";
import type { Digest } from "../spec/digest.ts";
import type { Location } from "../spec/reference.ts";
import { closureOf } from "../transfer/closure.ts";
import type { Looking } from "../transfer/late.ts";
import { asExpected, isFound, namesAlready, type Looked } from "../transfer/look.ts";
import type { PublishPolicy } from "../transfer/policy.ts";
import type { ReferrersPolicy } from "../transfer/referrers.ts";
import { openToGather, preflightAsTasks } from "./as-tasks.ts";
import type { Context } from "./context.ts";

/** What is asked on behalf of a root while it is still being found out whether attestations will be added to it. */
export interface Ahead {
  readonly root: Digest;
  /** As `preflightAsTasks` answers for it. Never rejects. */
  readonly permissions: ReturnType<typeof preflightAsTasks>;
}

export interface AheadOptions {
  readonly lookings: readonly Looking[];
  readonly policy: Pick<PublishPolicy, "onError" | "verify">;
  readonly referrers: ReferrersPolicy;
  /** Opens a place to read from; what was read is remembered behind it. */
  readonly openSource: (location: Location) => Promise<Source>;
  /** Leaving it ends what is still being asked. */
  readonly scope: Scope;
}

/**
 * Asks what will be asked anyway once all targets have been looked at and none refuses: what `root` lists and what refers to that, and
 * whether it may be written.
 */
export function beginAhead(root: Root, options: AheadOptions, context: Context): Ahead {
  const { lookings, policy, scope } = options;
  const { digest } = root.descriptor;
  const all = Promise.all(lookings.map(async ({ looking }) => asExpected(await looking, digest)));
  void scope.spawn(async (signal) => readAll(root, await all, { ...options, signal }));
  const ask = async (signal: AbortSignal) => {
    const looked = await all;
    const isAsked = policy.onError === "abort" && looked.every(isFound);
    return isAsked ? preflightAsTasks(looked, digest, { ...context, signal }) : looked;
  };
  return { root: digest, permissions: scope.spawn(ask) };
}

/** Never rejects: who needs it asks again. */
async function readAll(
  root: Root,
  looked: readonly Looked[],
  { openSource, policy, referrers, signal }: AheadOptions & { readonly signal: AbortSignal },
): Promise<void> {
  // Where nothing is looked for, the root is as it will be, and planning begins by itself.
  if (!referrers.lookUp || !looked.every(isFound)) return;
  const { digest } = root.descriptor;
  const isComplete = policy.verify !== "full" && looked.every((entry) => namesAlready(entry, digest));
  const { origins, replaces } = root;
  const read = { manifest: root, from: origins.get(digest) ?? [], origins, ...(replaces && { replaces }) };
  const open = openToGather(openSource);
  await closureOf(read, { open, referrers, isComplete, signal }).catch(() => undefined);
}
