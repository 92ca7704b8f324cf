import type { PushOutcome } from "../content/store.ts";

/** Bounds of an upload's patience. */
export interface UploadLimits {
  /** A broken upload that is larger goes on where the server stands; a smaller one begins anew. */
  readonly resumeAboveBytes: number;
  /** Chunks are never made smaller after a 413. */
  readonly minChunkBytes: number;
  /** The first chunk size that is tried after a 413. */
  readonly maxChunkBytes: number;
  /** Failures in a row without a byte more on the server, whether they were met with the same session or with a new one. */
  readonly maxFailures: number;
  /** How many failures one counts for that came only after as many attempts as any request has. */
  readonly repeatedCounts: number;
  /** New sessions in place of those that were lost, or were found bad. */
  readonly maxRestarts: number;
}

export const uploadLimits: UploadLimits = {
  resumeAboveBytes: 64 * 1024 * 1024,
  minChunkBytes: 1024 * 1024,
  maxChunkBytes: 64 * 1024 * 1024,
  // With the first, as many attempts as any other request has.
  maxFailures: 11,
  repeatedCounts: 4,
  maxRestarts: 3,
};

/** What is known while an upload lives. */
export interface UploadFacts {
  readonly sizeBytes: number;
  readonly limits: UploadLimits;
  /** Most bytes in one request; `undefined`: everything in one. */
  readonly chunkBytes: number | undefined;
  /** What the registry asks as the least, `OCI-Chunk-Min-Length`. */
  readonly leastBytes: number;
  /** Bytes that the server acknowledged in the present session. */
  readonly offset: number;
  /** The most that `offset` was since the last restart: only what goes beyond it is progress. */
  readonly furthest: number;
  readonly hasSession: boolean;
  /** The closing request has left in full at least once. */
  readonly wasSent: boolean;
  /** The session was continued after a failure, so its bytes are not certain. */
  readonly wasResumed: boolean;
  /** In a row: progress makes it 0. */
  readonly failures: number;
  /** Sessions that were lost or bad. */
  readonly restarts: number;
  /** The server said that it holds `0-0`: nothing, or one byte. */
  readonly saidZero: boolean;
  readonly triedOne: boolean;
}

export type Goal =
  | { readonly to: "reopen"; readonly error: unknown }
  | { readonly to: "commit"; readonly outcome: PushOutcome }
  | { readonly to: "fail"; readonly error: unknown };

/** What an upload does where the blob is not there: send the next piece, get over a failure, or give a bad session up. */
export type Otherwise = "go-on" | "recover" | "restart";

/** What every state that waits for a command has. */
export interface Live {
  /** Counts the commands: an answer to an earlier one is stale. */
  readonly epoch: number;
  readonly facts: UploadFacts;
}

/** Where one upload stands. Each live state waits for exactly one command; `committed` and `failed` are the end. */
export type UploadState =
  | (Live & { readonly at: "opening" | "posting" | "asking" })
  | (Live & { readonly at: "sending"; readonly length: number; readonly closing: boolean })
  | (Live & { readonly at: "verifying"; readonly otherwise: Otherwise; readonly error: unknown })
  | (Live & { readonly at: "waiting"; readonly next: "open" | "ask" })
  | (Live & { readonly at: "releasing"; readonly goal: Goal })
  | { readonly at: "committed"; readonly outcome: PushOutcome }
  | { readonly at: "failed"; readonly error: unknown };

/** What is to be done next; the answer carries the same epoch. */
export type UploadCommand = { readonly epoch: number } & (
  | { readonly run: "open" | "ask" | "verify" | "release" }
  /** Send the whole blob with the request that else would open a session for it. */
  | { readonly run: "post" }
  | { readonly run: "send"; readonly offset: number; readonly length: number; readonly closing: boolean }
  /** Wait before the `attempt`-th repetition, which `error` made necessary. */
  | { readonly run: "wait"; readonly attempt: number; readonly error: unknown }
);

/** What may pass. `isRepeated`: it stayed although the request was repeated. */
export interface Failure {
  readonly error: unknown;
  readonly isRepeated?: boolean;
}

/** What a command came to. */
export type UploadAnswer =
  | { readonly type: "opened"; readonly leastBytes: number }
  | { readonly type: "present"; readonly outcome: "existed" | "mounted"; readonly holdsSession: boolean }
  /** The registry takes no blob in a POST, and nothing was opened. */
  | { readonly type: "declined" }
  /** A HEAD did not show the blob. */
  | { readonly type: "absent" }
  | { readonly type: "accepted"; readonly held: number | undefined }
  /** 201 with the right digest. */
  | { readonly type: "proved" }
  /** Another 2xx, or no digest in it. */
  | { readonly type: "unproved" }
  | { readonly type: "too-large" | "lost" | "statusless" | "corrupt" | "refused"; readonly error: unknown }
  | { readonly type: "out-of-range"; readonly held: number | undefined; readonly error: unknown }
  | { readonly type: "held"; readonly bytes: number }
  /** No answer, or one that may be better later. `ambiguous`: the registry may have done it all the same. */
  | ({ readonly type: "broken"; readonly ambiguous: boolean } & Failure)
  | { readonly type: "elapsed" | "released" };

export type UploadEvent =
  | (UploadAnswer & { readonly epoch: number })
  | { readonly type: "cancel"; readonly error: unknown };

export type UploadStep = readonly [UploadState, UploadCommand | undefined];
