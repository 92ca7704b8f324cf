import { sleep, type Clock } from "./clock.ts";

/** How long somebody may take until they show what they have acknowledged, in milliseconds. */
export const lagMs = 30_000;
const firstWaitMs = 250;

/** Waits that grow, with whoever shows their own writes late. */
export interface LagPatience {
  /**
   * True after a wait, each twice as long as the one before, and the last what is left; false when the time is over.
   *
   * @throws the signal's reason
   */
  wait(signal?: AbortSignal): Promise<boolean>;
}

/** Patience until `until`; default for 30 s from now on. */
export function lagPatience(clock: Clock, until = clock.now() + lagMs): LagPatience {
  let waitMs = firstWaitMs;
  return {
    async wait(signal) {
      const leftMs = until - clock.now();
      if (leftMs <= 0) return false;
      await sleep(clock, Math.min(waitMs, leftMs), signal);
      waitMs *= 2;
      return true;
    },
  };
}
