import type { Clock } from "../async/clock.ts";
import { withDeadline } from "../async/deadline.ts";
import { onAbort } from "../async/on-abort.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import { isInterrupted } from "./cancelled.ts";

/** How long the run may take to find out, or to put right, after it has failed. */
export const apartMs = 10_000;
/** The same after somebody has interrupted it: the process ends two seconds later, and has something to say before. */
const interruptedMs = 400;
/** And all of it together. */
const allInterruptedMs = 1200;
/** When a run was first seen to be interrupted. */
const interruptedSince = new WeakMap<AbortSignal, number>();

export interface AfterwardsOptions {
  readonly clock: Clock;
  /** The run's own. */
  readonly signal?: AbortSignal;
}

/**
 * Does what must be done about the tags of one target although the run has failed or was cancelled: under a signal of its own, within
 * ten seconds. Where the run was interrupted, or is meanwhile, within 0.4 s from then on, and 1.2 s for all that there is to do.
 *
 * @throws WaybillError `timeout`; else what `work` throws.
 */
export function afterwards<T>(
  { clock, signal: run }: AfterwardsOptions,
  at: Location,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const hasty = () => (run && isInterrupted(run) ? hastyMs(clock, run) : undefined);
  const hurried = async (signal: AbortSignal, shorten: (delayMs: number) => void) => {
    const stay = onAbort(run, () => shorten(hasty() ?? apartMs));
    try {
      return await work(signal);
    } finally {
      stay();
    }
  };
  return withDeadline(clock, hasty() ?? apartMs, hurried, { what: `tags of ${formatLocation(at)}` });
}

/** How long something may take that is done, or goes on, after the interruption. */
function hastyMs(clock: Clock, run: AbortSignal): number {
  const now = clock.now();
  const since = interruptedSince.get(run) ?? now;
  interruptedSince.set(run, since);
  return Math.max(0, Math.min(interruptedMs, since + allInterruptedMs - now));
}
