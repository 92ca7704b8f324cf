import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { digestOf, isDigest, type Digest } from "../spec/digest.ts";
import type { Manifest } from "../spec/manifest.ts";
import { isManifestType } from "../spec/media-type.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import { asReferrer, childrenMissing, neededBy, requireTags } from "./needs.ts";
import type { Bytes, Content, FetchOptions, Store, Target } from "./store.ts";
import { exactly, requireMatch, requireOffset, verified, verifiedManifest } from "./verify.ts";

/** What a store in memory holds. Tests may look at it and damage it; content is verified again whenever it is read. */
export interface Shelf {
  readonly blobs: Map<Digest, Uint8Array>;
  readonly manifests: Map<Digest, Manifest>;
  readonly tags: Map<string, Digest>;
}

/** A store in memory, and what it holds. */
export interface MemoryStore extends Store {
  readonly shelf: Shelf;
  /** Puts a blob on the shelf without a stream. */
  addBlob(bytes: Uint8Array, mediaType?: string): Descriptor;
}

/**
 * The whole contract of `Store` in its smallest form. It is strict: a manifest is taken only when its children are here.
 * Content lives as long as the store.
 */
export function createMemoryStore(name = "memory"): MemoryStore {
  const shelf: Shelf = { blobs: new Map(), manifests: new Map(), tags: new Map() };
  const location: Location = { kind: "memory", name };
  return {
    location,
    shelf,
    addBlob(bytes, mediaType = "application/octet-stream") {
      const digest = digestOf(bytes);
      shelf.blobs.set(digest, bytes);
      return { mediaType, digest, size: bytes.byteLength };
    },
    ...sourceOf(shelf, location),
    ...targetOf(shelf),
  };
}

function sourceOf(shelf: Shelf, location: Location): Pick<Store, "resolve" | "manifest" | "fetch" | "referrers"> {
  const find = (name: string): Descriptor => {
    const found = lookUp(shelf, name);
    if (found) return found;
    throw notFound(name, location);
  };
  return {
    async resolve(name, { signal } = {}) {
      signal?.throwIfAborted();
      return find(name);
    },
    async manifest(target, { signal } = {}) {
      signal?.throwIfAborted();
      const here = find(typeof target === "string" ? target : target.digest);
      return read(shelf, typeof target === "string" ? here : target);
    },
    async fetch(target, options = {}) {
      options.signal?.throwIfAborted();
      const bytes = shelf.blobs.get(target.digest);
      if (!bytes) throw notFound(target.digest, location);
      return contentOf(target, bytes, options);
    },
    async referrers(subject, { artifactType, signal } = {}) {
      signal?.throwIfAborted();
      const all = [...shelf.manifests.values()].filter(({ document }) => document.subject?.digest === subject);
      const found = all.map(asReferrer);
      return found.filter((referrer) => artifactType === undefined || referrer.artifactType === artifactType);
    },
  };
}

function targetOf(shelf: Shelf): Omit<Target, "location"> {
  return {
    facts: () => ({ movesTags: true, deletesTagsAlone: true }),
    async probe({ signal } = {}) {
      signal?.throwIfAborted();
      return "allowed";
    },
    async exists(target, { signal } = {}) {
      signal?.throwIfAborted();
      return has(shelf, target);
    },
    async tagged(tag, { signal } = {}) {
      signal?.throwIfAborted();
      return shelf.tags.has(tag) ? lookUp(shelf, tag) : undefined;
    },
    async pushBlob(blob, body, { signal, onProgress, distrustPresence = false } = {}) {
      signal?.throwIfAborted();
      if (shelf.blobs.has(blob.digest) && !distrustPresence) return "existed";
      const chunks: Uint8Array[] = [];
      for await (const chunk of verified(blob, body(0, signal))) {
        signal?.throwIfAborted();
        chunks.push(chunk);
        onProgress?.(chunk.byteLength);
      }
      shelf.blobs.set(blob.digest, Buffer.concat(chunks));
      return "sent";
    },
    async pushManifest(manifest, { tags = [], signal, onTagged } = {}) {
      signal?.throwIfAborted();
      requireTags(tags);
      const { descriptor, bytes } = manifest;
      requireMatch(descriptor, bytes);
      requireChildren(shelf, manifest);
      shelf.manifests.set(descriptor.digest, manifest);
      for (const tag of tags) {
        shelf.tags.set(tag, descriptor.digest);
        onTagged?.(tag);
      }
    },
    async deleteTag(tag, { signal } = {}) {
      signal?.throwIfAborted();
      shelf.tags.delete(tag);
    },
  };
}

function lookUp(shelf: Shelf, name: string): Descriptor | undefined {
  const digest = isDigest(name) ? name : shelf.tags.get(name);
  const held = digest && shelf.manifests.get(digest)?.descriptor;
  return held && { mediaType: held.mediaType, digest, size: held.size };
}

function read(shelf: Shelf, target: Descriptor): Manifest {
  return verifiedManifest(shelf.manifests.get(target.digest)?.bytes ?? new Uint8Array(), target);
}

function has(shelf: Shelf, target: Descriptor): boolean {
  return isManifestType(target.mediaType) ? shelf.manifests.has(target.digest) : shelf.blobs.has(target.digest);
}

function contentOf(descriptor: Descriptor, bytes: Uint8Array, { offset = 0, signal }: FetchOptions): Content {
  requireOffset(offset, descriptor.size);
  const body = pieces(bytes.subarray(offset), signal);
  return {
    descriptor,
    body: offset === 0 ? verified(descriptor, body) : exactly(descriptor.size - offset, body),
    async [Symbol.asyncDispose]() {
      // Memory holds nothing open.
    },
  };
}

const pieceBytes = 64 * 1024;

async function* pieces(bytes: Uint8Array, signal: AbortSignal | undefined): Bytes {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    signal?.throwIfAborted();
    yield bytes.subarray(at, at + pieceBytes);
  }
}

function requireChildren(shelf: Shelf, manifest: Manifest): void {
  const missing = neededBy(manifest).filter((child) => !has(shelf, child));
  if (missing.length > 0) throw childrenMissing(manifest.descriptor.digest, missing);
}

function notFound(name: string, location: Location): WaybillError {
  return new WaybillError(
    "not_found",
    `Cannot find "${name.slice(0, 140)}" in ${formatLocation(location)}: not found`,
    { subject: name },
  );
}
