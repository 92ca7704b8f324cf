import type { WaybillEvent } from "../../telemetry/events.ts";
import { display } from "../../spec/display.ts";
import { retryText } from "./repeat-text.ts";
import { requestText } from "./request-text.ts";

/** A line for news that belongs to no target: warnings always, requests and details only when debugging. */
export function noteOf(event: WaybillEvent, debug: boolean): string | undefined {
  switch (event.type) {
    case "warning":
      return `WARNING: ${display(event.message)}${event.source === undefined ? "" : ` (${display(event.source)})`}`;
    case "pull-quota":
      return display(quotaText(event));
    case "debug":
      return debug ? `DEBUG: ${display(event.message)}` : undefined;
    case "http":
      return debug ? `DEBUG: ${display(requestText(event))}` : undefined;
    case "load":
      return debug ? `DEBUG: ${display(loadText(event))}` : undefined;
    case "retry":
      return debug ? display(retryText(event)) : undefined;
    default:
      return undefined;
  }
}

function quotaText({ registry, remaining, limit, windowSeconds }: WaybillEvent & { type: "pull-quota" }): string {
  const all = limit === undefined ? "" : ` of ${limit}`;
  const window = windowSeconds === undefined ? "" : ` per ${spanText(windowSeconds)}`;
  return `${registry}: ${remaining}${all} pulls left${window}`;
}

function spanText(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** `docker.io: waiting 8.0 s (HTTP 429); 16 requests at a time, 10.0 a second`, with the origin where it is another host. */
function loadText(event: WaybillEvent & { type: "load" }): string {
  const { registry, origin, waitMs, why = "it asks for it" } = event;
  const place = origin.endsWith(`//${registry}`) ? registry : `${registry} (${origin})`;
  const waiting = waitMs === undefined ? "" : ` waiting ${(waitMs / 1000).toFixed(1)} s (${why});`;
  const rate = event.perSecond === undefined ? "" : `, ${event.perSecond.toFixed(1)} a second`;
  return `${place}:${waiting} ${event.concurrency} requests at a time${rate}`;
}
