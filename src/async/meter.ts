import { fullBucket, spend, waitMs } from "./bucket.ts";
import { sleep, type Clock } from "./clock.ts";

/** Lets so much pass in a second: whoever takes more than there is waits for it afterwards, in the order of coming. */
export interface Meter {
  /** Counts `amount`, and waits until it and all that was counted before is paid for. @throws the signal's reason; it stays counted. */
  pay(amount: number, signal?: AbortSignal): Promise<void>;
}

/** Makes one from which nothing was taken. A tenth of a second's worth may pass at once. */
export function createMeter(clock: Clock, perSecond: number): Meter {
  const rate = { perSecond, burst: perSecond / 10 };
  let bucket = fullBucket(rate, clock.now());
  return {
    async pay(amount, signal) {
      const now = clock.now();
      bucket = spend(bucket, rate, amount, now);
      const delayMs = waitMs(bucket, rate, 0, now);
      if (delayMs > 0) await sleep(clock, delayMs, signal);
    },
  };
}
