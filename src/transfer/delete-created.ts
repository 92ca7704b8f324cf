import { together } from "../async/scope.ts";
import type { CallOptions, Store } from "../content/store.ts";
import { messageOf } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";

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
 * image and its other tags are there, and puts them back where they are not.
 *
 * @throws WaybillError where they could not be put back, or not be asked for.
 */
export async function deleteCreated(
  store: Store,
  { tag, ours, siblings }: CreatedTag,
  call: CallOptions,
): Promise<Deletion> {
  if (!store.deleteTag || !store.facts?.().deletesTagsAlone) return { isGone: false, why: unproved };
  const image = await store.manifest(ours, call);
  const before = await namingIt(store, siblings, ours, call);
  // An answer that was lost may have been a good one: only what is there tells.
  const why = await store.deleteTag(tag, call).then(() => "it was deleted, and is still there", messageOf);
  if ((await store.tagged(tag, { ...call, mustKnow: true })) !== undefined) return { isGone: false, why };
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
