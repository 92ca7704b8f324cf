import { createHash, type Hash } from "node:crypto";
import type { Bytes } from "../content/store.ts";
import { requireDigest } from "../content/verify.ts";
import { algorithmOf, digestFrom, type Digest } from "../spec/digest.ts";
import { Catalogue, contentOf, type Change } from "./catalogue.ts";
import type { Draft, DraftInfo, Storage, StoredContent } from "./storage.ts";

/** A storage that forgets everything with the process: for tests, quick starts and caches. Blobs are held in memory. */
export function createMemoryStorage(): Storage {
  return new MemoryStorage();
}

class MemoryStorage implements Storage {
  readonly catalogue = new Catalogue();
  readonly #contents = new Map<Digest, Chunks>();

  async record(changes: readonly Change[]): Promise<void> {
    this.#apply(changes);
  }

  async content(digest: Digest): Promise<StoredContent | undefined> {
    return this.#contents.get(digest);
  }

  createDraft(info: DraftInfo): Draft {
    return new MemoryDraft(info);
  }

  takeDrafts(): readonly Draft[] {
    return [];
  }

  async commit(draft: Draft, digest: Digest, changes: readonly Change[]): Promise<void> {
    if (!(draft instanceof MemoryDraft)) throw new TypeError("The draft belongs to another storage");
    const { chunks } = draft;
    const seen = draft.digest(digest);
    await draft.discard();
    requireDigest(digest, seen);
    this.#contents.set(digest, chunks);
    this.#apply(changes);
  }

  async put(digest: Digest, bytes: Uint8Array, changes: readonly Change[]): Promise<void> {
    this.#contents.set(digest, new Chunks([bytes.slice()]));
    this.#apply(changes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is open.
  }

  #apply(changes: readonly Change[]): void {
    for (const change of changes) {
      const lost = change.kind === "no-blob" || change.kind === "no-manifest" ? change.digest : undefined;
      this.catalogue.apply(change);
      if (lost && !changes.some((other) => contentOf(other) === lost) && !this.catalogue.isUsed(lost))
        this.#contents.delete(lost);
    }
  }
}

class Chunks implements StoredContent {
  readonly list: Uint8Array[];
  sizeBytes: number;

  constructor(list: Uint8Array[]) {
    this.list = list;
    this.sizeBytes = list.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  }

  async *open(start: number, end: number): Bytes {
    let at = 0;
    for (const chunk of this.list) {
      const from = Math.max(start - at, 0);
      const to = Math.min(end - at, chunk.byteLength);
      if (from < to) yield chunk.subarray(from, to);
      at += chunk.byteLength;
      if (at >= end) return;
    }
  }
}

class MemoryDraft implements Draft {
  readonly info: DraftInfo;
  chunks = new Chunks([]);
  #hash: Hash | undefined;

  constructor(info: DraftInfo) {
    this.info = info;
  }

  get sizeBytes(): number {
    return this.chunks.sizeBytes;
  }

  async append(body: Bytes): Promise<void> {
    const hash = (this.#hash ??= createHash(this.info.algorithm));
    for await (const chunk of body) {
      // A copy: whoever sent it may use its buffer again.
      const kept = Uint8Array.prototype.slice.call(chunk);
      hash.update(kept);
      this.chunks.list.push(kept);
      this.chunks.sizeBytes += kept.byteLength;
    }
  }

  async sync(): Promise<void> {
    // Memory is as durable as it gets.
  }

  async discard(): Promise<void> {
    this.chunks = new Chunks([]);
    this.#hash = undefined;
  }

  /** The digest of what is there, by the algorithm of `like`. */
  digest(like: Digest): Digest {
    const algorithm = algorithmOf(like);
    if (algorithm === this.info.algorithm && this.#hash) return digestFrom(this.#hash, algorithm);
    const hash = createHash(algorithm);
    for (const chunk of this.chunks.list) hash.update(chunk);
    return digestFrom(hash, algorithm);
  }
}
