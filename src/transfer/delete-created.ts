import type { Clock } from "../async/clock.ts";
import { lagPatience } from "../async/lag-patience.ts";
import { together } from "../async/scope.ts";
import type { CallOptions, Store } from "../content/store.ts";
import { messageOf } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";
import { apartMs } from "./afterwards.ts";

/** A tag that named nothing before the publish. */
export interface CreatedTag {
  readonly tag: string;
  /** What it was made to name. */
  readonly ours: Digest;
  /** Other tags of the target, which may name the same. */
  readonly siblings: readonly string[];
}

/** Whether the tag is gone, and what there is to say about it. */
export type Deletion =
  | { readonly isGone: true; readonly why?: string }
  | { readonly isGone: false; readonly why: string };

/**
 * Takes a tag away that the publish has made, where it is proved that nothing else goes with it. Looks afterwards whether the
 * image and its other tags are there, and puts them back where they are not. A tag whose deletion was acknowledged is asked for
 * again for ten seconds, or until `signal` aborts: registries may show late that it is gone.
 *
 * @throws WaybillError where they could not be put back, or not be asked for.
 */
export async function deleteCreated(
  store: Store,
  { tag, ours, siblings }: CreatedTag,
  { clock, ...call }: CallOptions & { readonly clock: Clock },
): Promise<Deletion> {
  if (!store.deleteTag || !store.facts?.().deletesTagsAlone) return { isGone: false, why: unproved };
  const image = await store.manifest(ours, call);
  const before = await namingIt(store, siblings, ours, call);
  // An answer that was lost may have been a good one: only what is there tells.
  const refusal = await store.deleteTag(tag, call).then(() => undefined, messageOf);
  const patience = lagPatience(clock, clock.now() + (refusal === undefined ? apartMs : 0));
  const isThere = async () => (await store.tagged(tag, { ...call, mustKnow: true })) !== undefined;
  while (await isThere()) {
    // The time for all of the undoing may be over sooner.
    const mayBeLate = await patience.wait(call.signal).catch(() => false);
    if (!mayBeLate) return { isGone: false, why: refusal ?? "it was deleted, and is still there" };
  }
  const after = await namingIt(store, siblings, ours, call);
  const lost = before.filter((sibling) => !after.includes(sibling));
  if (lost.length === 0 && (await store.exists(image.descriptor, call))) return { isGone: true };
  await store.pushManifest(image, { ...call, tags: lost });
  return { isGone: true, why: `${["the image", ...lost].join(", ")} went with it, and had to be put back` };
}

const unproved = "what its registry deletes with a tag is not known, see docs/registries.md";

async function namingIt(store: Store, tags: readonly string[], ours: Digest, call: CallOptions): Promise<string[]> {
  const digestOf = async (tag: string, signal: AbortSignal) => {
    const named = await store.tagged(tag, { ...call, signal, mustKnow: true });
    return { tag, digest: named?.digest };
  };
  const named = await together(tags, digestOf, call);
  return named.filter(({ digest }) => digest === ours).map(({ tag }) => tag);
}
