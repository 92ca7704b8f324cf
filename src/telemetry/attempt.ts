import type { Mark } from "./marks.ts";

/**
 * One HTTP attempt, told once, when nothing of it is under way any more: its response's body has ended, or it has failed. Each
 * time that a request is sent is an attempt of its own: repeated, redirected, or with a new token. `url` has no query.
 */
export interface AttemptEvent {
  readonly type: "http";
  /** Unique within the run. */
  readonly id: string;
  /** The task that it was sent for. */
  readonly task?: string;
  /** The attempt of the same request that came before it, where there was one. */
  readonly after?: string;
  /** How often the same request had been sent before, for whatever reason. */
  readonly resend: number;
  readonly method: string;
  readonly url: string;
  /** `host[:port]` as users write it, where the request is for a registry. */
  readonly registry?: string;
  /** What the request was for: `manifest`, `blob`, `upload-body` and so on. */
  readonly operation?: string;
  readonly status?: number;
  /** The code of its failure, also where the response's body failed after a status. */
  readonly error?: string;
  /** Which try of the retry interceptor this was, from 1. */
  readonly attempt: number;
  /** It carried a credential. */
  readonly authorized?: true;
  /** How many attempts its origin had at the moment when it began, itself included. */
  readonly inFlight: number;
  readonly startedAt: number;
  readonly durationMs: number;
  /** Bytes of the bodies. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly requestId?: string;
  readonly protocol?: string;
  readonly marks: readonly Mark[];
}
