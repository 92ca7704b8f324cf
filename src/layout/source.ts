import { createMemo, type Memo } from "../async/memo.ts";
import type { CallOptions, Source } from "../content/store.ts";
import { requireOffset, verifiedManifest } from "../content/verify.ts";
import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { isDigest, type Digest } from "../spec/digest.ts";
import { maxManifestBytes, type Manifest } from "../spec/manifest.ts";
import { formatReference } from "../spec/reference.ts";
import { entryOf } from "./entries.ts";
import type { Layout } from "./folder.ts";
import { referrersIn } from "./referrers.ts";

/** The reading half of a layout. */
export function sourceOf(layout: Layout): Pick<Source, "resolve" | "manifest" | "fetch" | "referrers"> {
  const referrers = rememberedReferrers(layout);
  return {
    async resolve(name, options) {
      if (isDigest(name)) return plain((await manifestByDigest(layout, name, options)).descriptor);
      return wanted(await lookUp(layout, name, options), layout, name);
    },
    async manifest(target, options) {
      if (typeof target !== "string") return readManifest(layout, target, options);
      if (isDigest(target)) return manifestByDigest(layout, target, options);
      return readManifest(layout, wanted(await lookUp(layout, target, options), layout, target), options);
    },
    async fetch(target, options = {}) {
      options.signal?.throwIfAborted();
      requireOffset(options.offset ?? 0, target.size);
      return wanted(await layout.blobs.open(target, options), layout, target.digest);
    },
    async referrers(subject, { artifactType, signal } = {}) {
      const all = (await referrers({ signal })).get(subject) ?? [];
      return artifactType === undefined ? all : all.filter((referrer) => referrer.artifactType === artifactType);
    },
  };
}

/** What `tag` names: without the annotations of its entry, which are about the name and not about the content. */
export async function lookUp(layout: Layout, tag: string, options: CallOptions = {}): Promise<Descriptor | undefined> {
  options.signal?.throwIfAborted();
  const { listing } = await layout.index.read(options);
  const entry = entryOf(listing, tag);
  return entry && plain(entry.descriptor);
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/** @throws WaybillError `not_found`; what `verifiedManifest` throws. */
export async function readManifest(layout: Layout, target: Descriptor, options: CallOptions = {}): Promise<Manifest> {
  options.signal?.throwIfAborted();
  const bytes = await layout.blobs.readWhole(target.digest, maxManifestBytes, options);
  return verifiedManifest(wanted(bytes, layout, target.digest), target, layout.limits);
}

async function manifestByDigest(layout: Layout, digest: Digest, options: CallOptions = {}): Promise<Manifest> {
  options.signal?.throwIfAborted();
  const bytes = wanted(await layout.blobs.readWhole(digest, maxManifestBytes, options), layout, digest);
  const { listing } = await layout.index.read(options);
  const listed = listing.entries.find((entry) => entry.descriptor.digest === digest);
  const mediaType = listed?.descriptor.mediaType ?? "";
  return verifiedManifest(bytes, { digest, size: bytes.byteLength, mediaType }, layout.limits);
}

function wanted<T>(found: T | undefined, { location }: Layout, name: string): T {
  if (found !== undefined) return found;
  const reference = formatReference({ location, ...(isDigest(name) ? { digest: name } : { tag: name }) });
  throw new WaybillError("not_found", `reference ${reference} not found: not found`, { subject: name });
}

type Referrers = Awaited<ReturnType<typeof referrersIn>>;

/** Reads the graph once for each state of index.json: an image's copy asks for the referrers of every manifest. */
function rememberedReferrers(layout: Layout): (options: CallOptions) => Promise<Referrers> {
  let last: { readonly version: string; readonly graphs: Memo<Referrers> } | undefined;
  return async (options) => {
    options.signal?.throwIfAborted();
    const { listing, version } = await layout.index.read(options);
    if (last?.version !== version) last = { version, graphs: createMemo() };
    const read = (target: Descriptor, callOptions?: CallOptions) => readManifest(layout, target, callOptions);
    // Whoever asks meanwhile waits for the same reading.
    return last.graphs.get("", (signal) => referrersIn(listing.entries, read, { signal }), options.signal);
  };
}
