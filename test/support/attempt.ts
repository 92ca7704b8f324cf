import type { AttemptEvent } from "../../src/telemetry/attempt.ts";

/** A second attempt to write a manifest, which met 503; with `change`. */
export function attemptOf(change: Partial<AttemptEvent> = {}): AttemptEvent {
  return {
    type: "http",
    id: "a2",
    resend: 1,
    method: "PUT",
    url: `https://r.example/v2/acme/app/manifests/sha256:${"0".repeat(64)}`,
    registry: "r.example",
    operation: "manifest",
    status: 503,
    attempt: 2,
    inFlight: 3,
    startedAt: 1000,
    durationMs: 20,
    sentBytes: 7,
    receivedBytes: 9,
    marks: [
      { name: "connection", at: 1001 },
      { name: "headers-sent", at: 1002 },
      { name: "first-byte", at: 1012 },
    ],
    ...change,
  };
}
