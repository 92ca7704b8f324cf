import type { EventOf } from "../../telemetry/events.ts";

/** `docker.io: 76 of 100 pulls left per 6 h`. */
export function quotaText({ registry, remaining, limit, windowSeconds }: EventOf<"pull-quota">): string {
  const all = limit === undefined ? "" : ` of ${limit}`;
  const window = windowSeconds === undefined ? "" : ` per ${spanText(windowSeconds)}`;
  return `${registry}: ${remaining}${all} pulls left${window}`;
}

function spanText(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** `docker.io: waiting 8.0 s (HTTP 429); 16 requests at a time, 10.0 a second`, with the origin where it is another host. */
export function loadText(event: EventOf<"load">): string {
  const { registry, origin, waitMs, why = "it asks for it" } = event;
  const place = origin.endsWith(`//${registry}`) ? registry : `${registry} (${origin})`;
  const waiting = waitMs === undefined ? "" : ` waiting ${(waitMs / 1000).toFixed(1)} s (${why});`;
  const rate = event.perSecond === undefined ? "" : `, ${event.perSecond.toFixed(1)} a second`;
  return `${place}:${waiting} ${event.concurrency} requests at a time${rate}`;
}
