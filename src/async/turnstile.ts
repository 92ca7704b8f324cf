import { fullBucket, spend, waitMs, type Bucket, type BucketRate } from "./bucket.ts";
import type { Clock } from "./clock.ts";
import { createQueue, type WaitOptions } from "./queue.ts";

/** Lets things begin at a limited rate: evenly spaced, urgent ones first. */
export interface Turnstile {
  /** How many in a second, above 0; `Infinity` for as many as come. */
  perSecond: number;
  /** Waits for one's turn. @throws the signal's reason when it aborts first; no turn is used up then. */
  pass(options?: WaitOptions): Promise<void>;
}

/** Makes one that lets the first through at once. Holds a timer only while somebody waits. */
export function createTurnstile(clock: Clock, initially = Number.POSITIVE_INFINITY): Turnstile {
  let rate: BucketRate = { perSecond: initially, burst: 1 };
  let bucket: Bucket = fullBucket(rate, clock.now());
  let cancelTimer: () => void = () => undefined;
  const queue = createQueue<void>(() => {
    if (queue.size === 0) cancelTimer();
  });

  function isFree(): boolean {
    return rate.perSecond === Number.POSITIVE_INFINITY;
  }

  function admitDue(): void {
    cancelTimer();
    for (; queue.size > 0; queue.admit()) {
      const delayMs = isFree() ? 0 : waitMs(bucket, rate, 1, clock.now());
      if (delayMs > 0) return void (cancelTimer = clock.after(delayMs, admitDue));
      if (!isFree()) bucket = spend(bucket, rate, 1, clock.now());
    }
  }

  return {
    get perSecond() {
      return rate.perSecond;
    },
    set perSecond(perSecond) {
      // As many as came have passed: who comes next waits like all after it.
      bucket = isFree() ? { level: 0, atMs: clock.now() } : spend(bucket, rate, 0, clock.now());
      rate = { ...rate, perSecond };
      admitDue();
    },
    async pass(options = {}) {
      options.signal?.throwIfAborted();
      if (isFree()) return;
      const turn = queue.wait(options);
      if (queue.size === 1) admitDue();
      return turn;
    },
  };
}
