import type { Clock } from "../../src/async/clock.ts";

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  /** Moves on by `ms` and calls what is due, in order of time. */
  advance(ms: number): void;
  /** Moves on to the next timer; false where none is waiting. */
  next(): boolean;
  readonly waiting: number;
}

export function manualClock(startMs = 1_700_000_000_000): ManualClock {
  let now = startMs;
  let timers: { at: number; callback: () => void }[] = [];
  const fireUntil = (until: number) => {
    for (;;) {
      const due = timers.filter((timer) => timer.at <= until).toSorted((a, b) => a.at - b.at)[0];
      if (!due) break;
      timers = timers.filter((timer) => timer !== due);
      now = Math.max(now, due.at);
      due.callback();
    }
    now = Math.max(now, until);
  };
  return {
    now: () => now,
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance: (ms) => fireUntil(now + ms),
    next() {
      const [first] = timers.toSorted((a, b) => a.at - b.at);
      if (first) fireUntil(first.at);
      return first !== undefined;
    },
    get waiting() {
      return timers.length;
    },
  };
}
