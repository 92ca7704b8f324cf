import type { Bytes } from "../content/store.ts";
import type { Digest, DigestAlgorithm } from "../spec/digest.ts";
import type { Catalogue, Change } from "./catalogue.ts";

/** Bytes at rest. */
export interface StoredContent {
  readonly sizeBytes: number;
  /** The bytes from `start` up to, not including, `end`. Nothing is opened before the first `next()`. */
  open(start: number, end: number): Bytes;
}

/** Whose upload this is. Survives a restart together with its bytes. */
export interface DraftInfo {
  /** Unguessable: who knows it and has the rights of its opener may write. */
  readonly id: string;
  readonly repository: string;
  readonly principal: string;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
  /** The algorithm to hash with while bytes arrive; another one costs a second reading at the end. */
  readonly algorithm: DigestAlgorithm;
}

/** Content that is still arriving. One writer at a time: the caller sees to that. */
export interface Draft {
  readonly info: DraftInfo;
  /** Bytes kept so far: where the next ones go. */
  readonly sizeBytes: number;
  /**
   * Adds `body` at the end. When `body` throws, what came before stays and the error passes through.
   *
   * @throws WaybillError `disk_full` `io_failed`; the bytes of this call are dropped then.
   */
  append(body: Bytes): Promise<void>;
  /** Resolves when what was appended survives a crash. */
  sync(): Promise<void>;
  /** Drops it. Safe to call twice. */
  discard(): Promise<void>;
}

/**
 * Where a registry keeps what it holds. `record`, `commit` and `put` resolve when their effect survives a crash; a crash
 * before that leaves either all of it or nothing. Content that no repository needs any more is dropped.
 */
export interface Storage extends AsyncDisposable {
  /** What is recorded. Read it freely; only the storage itself changes it. */
  readonly catalogue: Catalogue;
  /**
   * Makes `changes` true, in their order and together. Content that they point at cannot go away from the moment of the call.
   *
   * @throws WaybillError `disk_full` `io_failed`; then none of them is.
   */
  record(changes: readonly Change[]): Promise<void>;
  content(digest: Digest): Promise<StoredContent | undefined>;
  /** A new empty draft. Costs nothing durable until bytes come. */
  createDraft(info: DraftInfo): Draft;
  /** Drafts that were left over from before a restart, each once. */
  takeDrafts(): readonly Draft[];
  /**
   * Turns `draft` into content and records `changes`. The draft is gone afterwards, also when it fails.
   *
   * @throws WaybillError `digest_mismatch` where its bytes are not `digest`; `disk_full` `io_failed`.
   */
  commit(draft: Draft, digest: Digest, changes: readonly Change[]): Promise<void>;
  /** Keeps small content, whose digest the caller has verified, and records `changes`. */
  put(digest: Digest, bytes: Uint8Array, changes: readonly Change[]): Promise<void>;
}
