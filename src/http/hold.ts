import { closedBreaker, stepBreaker, type Breaker, type BreakerEvent } from "../async/breaker.ts";
import type { Clock, Random } from "../async/clock.ts";
import { createQueue, type WaitOptions } from "../async/queue.ts";

/** Leave to send one request. */
export interface Permit {
  readonly epoch: number;
  /** It goes ahead of all others, to see whether anybody answers. */
  readonly isProbe: boolean;
}

export interface HoldOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly onChange: (state: Breaker) => void;
}

/** Holds requests back while their origin does not answer, or has asked to be left alone. */
export interface Hold {
  readonly isHolding: boolean;
  /** Leave to go at once; `undefined` while requests are held. */
  permit(): Permit | undefined;
  /**
   * Leave to go, as soon as it is given.
   *
   * @throws the signal's reason, or the failure of the one that went ahead: it counts for all who were waiting for it.
   */
  wait(options?: WaitOptions): Promise<Permit>;
  answered(): void;
  failed(permit: Permit, error: unknown): void;
  /** Nobody goes before `untilMs`. */
  limited(untilMs: number): void;
  /** Whoever had the permit will not tell how it went. Safe to call after it has told. */
  givenUp(permit: Permit): void;
}

/** Makes one that lets everybody go. Holds a timer only while somebody waits. */
export function createHold({ clock, random, onChange }: HoldOptions): Hold {
  let state: Breaker = closedBreaker;
  let cancelTimer: () => void = () => undefined;
  const queue = createQueue<Permit>(() => {
    if (queue.size === 0) cancelTimer();
  });

  function step(event: BreakerEvent): void {
    const before = state;
    state = stepBreaker(state, event);
    if (state.at !== before.at || state.epoch !== before.epoch) onChange(state);
  }

  /** Lets go who may, and comes back when the next may. */
  function admitDue(): void {
    cancelTimer();
    while (queue.size > 0) {
      const permit = next();
      if (!permit) break;
      queue.admit(permit);
    }
    if (queue.size === 0 || !("untilMs" in state)) return;
    cancelTimer = clock.after(Math.max(0, state.untilMs - clock.now()), admitDue);
  }

  function next(): Permit | undefined {
    const before = state;
    step({ type: "wanted", nowMs: clock.now() });
    const isProbe = before.at === "open" && state.at === "half-open";
    return isProbe || state.at === "closed" ? { epoch: state.epoch, isProbe } : undefined;
  }

  return {
    get isHolding() {
      return state.at !== "closed";
    },
    permit: () => (state.at === "closed" ? { epoch: state.epoch, isProbe: false } : undefined),
    async wait(options = {}) {
      options.signal?.throwIfAborted();
      const turn = queue.wait(options);
      admitDue();
      return turn;
    },
    answered() {
      step({ type: "answered" });
      admitDue();
    },
    failed({ epoch }, error) {
      const before = state;
      step({ type: "failed", epoch, nowMs: clock.now(), chance: random() });
      if (before.at === "half-open" && state.at === "open") queue.refuseAll(error);
      admitDue();
    },
    limited(untilMs) {
      step({ type: "limited", untilMs });
      admitDue();
    },
    givenUp({ epoch }) {
      step({ type: "given-up", epoch, nowMs: clock.now() });
      admitDue();
    },
  };
}
