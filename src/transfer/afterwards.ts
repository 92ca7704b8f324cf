import type { Clock } from "../async/clock.ts";
import { withDeadline } from "../async/deadline.ts";
import { formatLocation, type Location } from "../spec/reference.ts";

/** How long the run may take to find out, or to put right, after it has failed. */
const apartMs = 10_000;

/**
 * Does what must be done about the tags of one target although the run has failed or was cancelled: under a signal of its own,
 * within ten seconds.
 *
 * @throws WaybillError `timeout`; else what `work` throws.
 */
export function afterwards<T>(clock: Clock, at: Location, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return withDeadline(clock, apartMs, work, { what: `tags of ${formatLocation(at)}` });
}
