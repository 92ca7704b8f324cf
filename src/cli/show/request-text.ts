import type { AttemptEvent } from "../../telemetry/attempt.ts";
import { timingOf } from "../../telemetry/timing.ts";

/**
 * `PUT https://… 201 in 35 ms (connect 2, wait 30), attempt 2, id 7f3a`: an attempt, where its time went, and the server's own
 * name for it.
 */
export function requestText(event: AttemptEvent): string {
  const outcome = event.status ?? event.error ?? "no answer";
  const broken = event.status !== undefined && event.error !== undefined ? `, then ${event.error}` : "";
  const again = event.attempt > 1 ? `, attempt ${event.attempt}` : "";
  const id = event.requestId === undefined ? "" : `, id ${event.requestId}`;
  return `${event.method} ${event.url} ${outcome}${broken} in ${Math.round(event.durationMs)} ms${timesOf(event)}${again}${id}`;
}

/** The stretches that took a millisecond or more. */
function timesOf(event: AttemptEvent): string {
  const long = timingOf(event).stretches.filter(({ durationMs }) => durationMs >= 1);
  if (long.length === 0) return "";
  return ` (${long.map(({ name, durationMs }) => `${name} ${Math.round(durationMs)}`).join(", ")})`;
}
