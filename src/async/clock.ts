import { onAbort } from "./on-abort.ts";

/** Time as a value that can be handed in: the real one in the program, a hand-moved one in tests and simulation. */
export interface Clock {
  /** Milliseconds since the Unix epoch. What waits and measures counts on it: it should never go back. */
  now(): number;
  /** The same with fractions, for measuring; default `now`. */
  precise?(): number;
  /** The machine's date at this moment, which may be set; default `now`. */
  wall?(): number;
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

/** The machine's date, in milliseconds since the epoch: for what is compared with dates that others have told. */
export function wallTime(clock: Clock): number {
  return clock.wall?.() ?? clock.now();
}

/** The last time that `Date` can tell, in milliseconds since the epoch; as far before it lies the first. */
export const lastTimeMs = 8.64e15;

/**
 * The machine's date of this moment, and what has passed since: it neither goes back nor leaps where the date is set or a machine is
 * restored. While a machine sleeps it may stand still, and is late from then on: a token that has ended meanwhile is used once more,
 * refused, and asked for anew. A process that lives for days makes one for each publish.
 *
 * A timer keeps the process alive until it is due or taken back.
 */
export function systemClock(): Clock {
  // Read several times in each attempt: `performance.now()` takes nearly twice as long.
  const { hrtime } = process;
  const precise = steadyTime(() => Number(hrtime.bigint()) / 1e6, Date.now);
  return { now: () => Math.floor(precise()), precise, wall: () => Date.now(), after: startTimer };
}

/** The time that `wall` tells now, going on by `ticks`, which know nothing of dates, whatever becomes of `wall`. */
export function steadyTime(ticks: () => number, wall: () => number): () => number {
  const offset = wall() - ticks();
  return () => offset + ticks();
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
