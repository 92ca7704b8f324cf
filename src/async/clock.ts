import { onAbort } from "./on-abort.ts";

/** Time as a value that can be handed in: the real one in the program, a hand-moved one in tests and simulation. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** The same with fractions, for measuring; default `now`. */
  precise?(): number;
  /** Calls `callback` once after `delayMs`; the returned function takes that back and is safe to call twice. */
  after(delayMs: number, callback: () => void): () => void;
}

/** A number in [0, 1). */
export type Random = () => number;

/**
 * Resolves after `delayMs` on `clock`.
 *
 * @throws the signal's reason, as soon as `signal` aborts; the timer is gone by then.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const cancel = clock.after(delayMs, () => {
      stay();
      resolve();
    });
    const stay = onAbort(signal, () => {
      cancel();
      reject(signal?.reason as Error);
    });
  });
}

/** Reads the time with fractions of a millisecond, where the clock has them. */
export function finestOf(clock: Clock): () => number {
  return clock.precise?.bind(clock) ?? (() => clock.now());
}

/** The last time that `Date` can tell, in milliseconds since the epoch; as far before it lies the first. */
export const lastTimeMs = 8.64e15;

/** The machine's own clock. A timer keeps the process alive until it is due or taken back. */
export function systemClock(): Clock {
  // Read several times in each attempt: `performance.now()` takes nearly twice as long.
  const { hrtime } = process;
  return {
    now: () => Date.now(),
    precise: followingWall(() => Number(hrtime.bigint()) / 1e6, Date.now),
    after: startTimer,
  };
}

/** Node's timers take a longer delay for 1 ms. */
const longestTimerMs = 2 ** 31 - 1;

function startTimer(delayMs: number, callback: () => void): () => void {
  if (delayMs > longestTimerMs) return startLongTimer(delayMs, callback);
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}

/** One timer after the other. */
function startLongTimer(delayMs: number, callback: () => void): () => void {
  let cancel = startTimer(longestTimerMs, () => {
    cancel = startTimer(delayMs - longestTimerMs, callback);
  });
  return () => cancel();
}

/** How far the fine clock may run away from the wall clock, which people set and machines wake up to, in milliseconds. */
const mostDriftMs = 20;

/** The wall clock's time in the steps of the finer `ticks`, which know nothing of dates. The wall is looked at once in a millisecond. */
export function followingWall(ticks: () => number, wall: () => number): () => number {
  let offset = wall() - ticks();
  let lookedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = ticks();
    if (now - lookedAt < 1) return offset + now;
    lookedAt = now;
    const date = wall();
    if (Math.abs(offset + now - date) > mostDriftMs) offset = date - now;
    return offset + now;
  };
}
