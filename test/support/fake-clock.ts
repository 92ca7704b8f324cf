import type { Clock } from "../../src/async/clock.ts";

/** A clock that stands still until the test moves it. */
export interface FakeClock extends Clock {
  /** Moves time on, running what falls due in order, also timers that those start. */
  advance(byMs: number): void;
  /** Moves time on in steps and lets promises and sockets run in between. */
  advanceSlowly(byMs: number, stepMs?: number): Promise<void>;
  /** Moves on to the next timer and runs it; false where none is waiting. */
  next(): boolean;
  /** Timers that have neither run nor been taken back. */
  readonly pending: number;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** Makes one that starts at `startMs`. */
export function fakeClock(startMs = 1_700_000_000_000): FakeClock {
  let now = startMs;
  const timers = new Set<Timer>();

  function due(until: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) if (timer.at <= until && (!first || timer.at < first.at)) first = timer;
    return first;
  }

  function advance(byMs: number): void {
    const until = now + byMs;
    for (let timer = due(until); timer; timer = due(until)) {
      timers.delete(timer);
      now = Math.max(now, timer.at);
      timer.callback();
    }
    now = until;
  }

  return {
    now: () => now,
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance,
    next() {
      const first = due(Number.POSITIVE_INFINITY);
      if (first) advance(Math.max(0, first.at - now));
      return first !== undefined;
    },
    async advanceSlowly(byMs, stepMs = 1000) {
      for (let moved = 0; moved < byMs; moved += stepMs) {
        await new Promise((resolve) => setImmediate(resolve));
        advance(Math.min(stepMs, byMs - moved));
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
    get pending() {
      return timers.size;
    },
  };
}
