import { createLanes, inLane } from "../async/lanes.ts";
import { createMemo } from "../async/memo.ts";
import { childrenMissing, neededBy, requireTags } from "../content/needs.ts";
import type { CallOptions, PushManifestOptions, Target } from "../content/store.ts";
import { requireMatch, verified } from "../content/verify.ts";
import { hasCode } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import type { Manifest } from "../spec/manifest.ts";
import { folderOf } from "./blobs.ts";
import {
  isReferrer,
  withReferrer,
  withRoot,
  withTag,
  withoutReachable,
  withoutTag,
  type Entry,
  type Listing,
} from "./entries.ts";
import { replaceFile, smallFilesAtOnce } from "./files.ts";
import { streamOf } from "./index-file.ts";
import { prepare, type Layout } from "./folder.ts";
import { probeFolder } from "./probe.ts";
import { reachableFrom } from "./referrers.ts";
import { lookUp, readManifest } from "./source.ts";

/** The writing half of a layout. */
export function targetOf(layout: Layout): Omit<Target, "location"> {
  const folders = createMemo<void>();
  const graph = graphOf(layout);
  const writing = createLanes({ limit: smallFilesAtOnce });
  const write = async (
    digest: Digest,
    body: Parameters<typeof replaceFile>[2],
    options: PushOptions,
  ): Promise<void> => {
    const folder = folderOf(layout.blobs, digest);
    await folders.get(folder, () => prepare(layout, folder));
    await replaceFile(layout.files, layout.blobs.pathOf(digest), body, { ...options, mark: layout.mark });
  };
  const keepManifest = (manifest: Manifest, { signal }: CallOptions): Promise<void> =>
    inLane(writing, { signal }, async () => {
      if (!(await holds(layout, manifest))) await write(manifest.descriptor.digest, streamOf(manifest.bytes), {});
    });
  return {
    facts: () => ({ movesTags: true, deletesTagsAlone: true }),
    probe: (options) => probeFolder(layout, options),
    async exists(target, { signal } = {}) {
      signal?.throwIfAborted();
      return layout.blobs.has(target);
    },
    tagged: (tag, options) => lookUp(layout, tag, options),
    async pushBlob(blob, body, { signal, onProgress, distrustPresence = false } = {}) {
      signal?.throwIfAborted();
      if (!distrustPresence && (await layout.blobs.has(blob))) return "existed";
      await write(blob.digest, verified(blob, body(0, signal)), {
        signal,
        ...(onProgress && { onProgress }),
      });
      return "sent";
    },
    async pushManifest(manifest, options = {}) {
      options.signal?.throwIfAborted();
      requireTags(options.tags ?? []);
      const { descriptor, bytes } = manifest;
      requireMatch(descriptor, bytes);
      await requireChildren(layout, manifest);
      await keepManifest(manifest, options);
      if (options.tags) await options.beforeTagging?.(options.tags);
      await list({ layout, graph }, manifest, options);
      for (const tag of options.tags ?? []) options.onTagged?.(tag);
    },
    async deleteTag(tag, options = {}) {
      // Nothing is made for it: neither a folder nor an index.
      if (await lookUp(layout, tag, options))
        await layout.index.update(async (listing) => withoutTag(listing, tag), options);
    },
  };
}

interface PushOptions extends CallOptions {
  readonly onProgress?: (bytes: number) => void;
}

async function requireChildren({ blobs }: Layout, manifest: Manifest): Promise<void> {
  const children = neededBy(manifest);
  const there = await Promise.all(children.map((child) => blobs.has(child)));
  const missing = children.filter((_, index) => !there[index]);
  if (missing.length > 0) throw childrenMissing(manifest.descriptor.digest, missing);
}

/** Whether exactly these bytes are there: a manifest is small enough to look. */
async function holds(layout: Layout, { descriptor, bytes }: Manifest): Promise<boolean> {
  try {
    const there = await layout.blobs.readWhole(descriptor.digest, bytes.byteLength);
    return there !== undefined && Buffer.compare(there, bytes) === 0;
  } catch (error) {
    if (hasCode(error, "too_large", "size_mismatch")) return false;
    throw error;
  }
}

async function list(
  { layout, graph }: { readonly layout: Layout; readonly graph: RootGraph },
  manifest: Manifest,
  options: PushManifestOptions,
): Promise<void> {
  const { tags = [], root = false, signal } = options;
  const subject = manifest.document.subject?.digest;
  if (tags.length === 0 && !root && subject === undefined) return;
  await layout.index.update(
    async (listing) => {
      const named = tags.reduce((before, tag) => withTag(before, manifest.descriptor, tag), listing);
      if (tags.length > 0) return graph.tidy(named, { signal });
      if (root || subject === undefined) return graph.tidy(withRoot(listing, manifest.descriptor), { signal });
      if (await graph.leadsTo(listing, manifest.descriptor.digest, { signal })) return listing;
      return withReferrer(listing, manifest.descriptor, subject);
    },
    { signal, folders: foldersOf(layout, manifest) },
  );
}

/** Where what a listing says of the manifest lies. */
function foldersOf({ blobs, root }: Layout, { descriptor, document }: Manifest): readonly string[] {
  const digests = [
    descriptor.digest,
    ...neededBy({ descriptor, document, bytes: new Uint8Array() }).map((child) => child.digest),
  ];
  return [...new Set(digests.map((digest) => folderOf(blobs, digest))), root];
}

interface RootGraph {
  /** Without referrers' own entries that a root leads to. */
  tidy(listing: Listing, options: CallOptions): Promise<Listing>;
  leadsTo(listing: Listing, digest: Digest, options: CallOptions): Promise<boolean>;
}

/** Changes of one turn start from the same entries, and share the reading; what they are about was written before. */
function graphOf(layout: Layout): RootGraph {
  const read = (target: Descriptor, options?: CallOptions) => readManifest(layout, target, options);
  let last: { readonly roots: readonly Entry[]; readonly digests: ReadonlySet<Digest> } | undefined;
  const reachable = async (listing: Listing, options: CallOptions) => {
    const roots = listing.entries.filter((entry) => !isReferrer(entry));
    if (last?.roots.length !== roots.length || last.roots.some((root, at) => root !== roots[at]))
      last = { roots, digests: new Set((await reachableFrom(roots, read, options)).keys()) };
    return last.digests;
  };
  return {
    async tidy(listing, options) {
      if (!listing.entries.some(isReferrer)) return listing;
      const found = await reachable(listing, options);
      return withoutReachable(listing, (digest) => found.has(digest));
    },
    leadsTo: async (listing, digest, options) => (await reachable(listing, options)).has(digest),
  };
}
