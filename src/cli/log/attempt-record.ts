import type { AttemptEvent } from "../../telemetry/attempt.ts";
import { pathFacts } from "../../telemetry/derive/place.ts";
import { timingOf } from "../../telemetry/timing.ts";
import { requestText } from "../show/request-text.ts";
import type { LogRecord } from "./record.ts";

/** An HTTP attempt: what was asked of whom, what came of it, where its time went, and the server's own name for it. */
export function attemptRecord(event: AttemptEvent): LogRecord {
  const { repository, digest } = pathFacts(new URL(event.url).pathname);
  return {
    level: "debug",
    message: requestText(event),
    at: event.startedAt + event.durationMs,
    about: event.id,
    fields: {
      registry: event.registry,
      repository,
      digest,
      operation: event.operation,
      method: event.method,
      url: event.url,
      status: event.status,
      error: event.error,
      attempt: event.attempt,
      resend: event.resend,
      duration_ms: rounded(event.durationMs),
      ...timesOf(event),
      sent_bytes: event.sentBytes,
      received_bytes: event.receivedBytes,
      request_id: event.requestId,
      protocol: event.protocol,
    },
  };
}

/** `wait_ms` and so on, in all; those that were nothing are left out. */
function timesOf(event: AttemptEvent): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { name, durationMs } of timingOf(event).stretches)
    sums[`${name}_ms`] = rounded((sums[`${name}_ms`] ?? 0) + durationMs);
  return Object.fromEntries(Object.entries(sums).filter(([, ms]) => ms > 0));
}

/** Microseconds are all that is known. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
