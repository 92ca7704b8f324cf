import type { Clock } from "../async/clock.ts";
import { timeoutError, withDeadline } from "../async/deadline.ts";
import { Controller, onAbort } from "../async/on-abort.ts";
import { hasCode } from "../errors.ts";
import { formatLocation, type Location } from "../spec/reference.ts";

/** How long the run may take to find out, or to put right, after it has failed. */
const apartMs = 10_000;
/** The same after somebody has interrupted it: the process ends two seconds later, and has something to say before. */
const interruptedMs = 400;

export interface AfterwardsOptions {
  readonly clock: Clock;
  /** The run's own. */
  readonly signal?: AbortSignal;
}

/**
 * Does what must be done about the tags of one target although the run has failed or was cancelled: under a signal of its own,
 * within ten seconds, or less where the run was interrupted, or is meanwhile.
 *
 * @throws WaybillError `timeout`; else what `work` throws.
 */
export async function afterwards<T>(
  { clock, signal: run }: AfterwardsOptions,
  at: Location,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const what = `tags of ${formatLocation(at)}`;
  if (isInterrupted(run)) return withDeadline(clock, interruptedMs, work, { what });
  const hurried = new Controller();
  let cancel: (() => void) | undefined;
  const stay = onAbort(run, () => {
    if (isInterrupted(run)) cancel = clock.after(interruptedMs, () => hurried.abort(timeoutError(interruptedMs, what)));
  });
  try {
    return await withDeadline(clock, apartMs, work, { what, signal: hurried.signal });
  } finally {
    stay();
    cancel?.();
  }
}

function isInterrupted(run: AbortSignal | undefined): boolean {
  return run?.aborted === true && hasCode(run.reason, "cancelled");
}
