import type { Random } from "./clock.ts";

export interface BackoffOptions {
  /** Upper bound of the first delay, in milliseconds; default 200. */
  readonly baseMs?: number;
  /** Upper bound of every delay, in milliseconds; default 30,000. */
  readonly capMs?: number;
}

/**
 * How long to wait before repeating something for the `retry`-th time (from 1): anything between nothing and a bound that
 * doubles each time. Spreading over the whole range ("full jitter") keeps clients that failed together from coming back together.
 */
export function backoffMs(retry: number, random: Random, options: BackoffOptions = {}): number {
  const { baseMs = 200, capMs = 30_000 } = options;
  const bound = Math.min(capMs, baseMs * 2 ** Math.max(0, retry - 1));
  return Math.floor(random() * bound);
}

/** The same where a server may have asked to wait `askedMs`: never sooner than that, and up to a tenth later. */
export function repetitionMs(retry: number, askedMs: number | undefined, random: Random): number {
  const ownMs = backoffMs(retry, random);
  return askedMs === undefined ? ownMs : Math.max(askedMs, Math.min(ownMs, 1000)) + spreadMs(askedMs, random);
}

/** Up to a tenth of `ms`, each client another part of it: those who were told the same moment do not all come at it. */
export function spreadMs(ms: number, random: Random): number {
  return Math.floor(random() * ms * 0.1);
}
