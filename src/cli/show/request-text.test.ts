import { expect, test } from "vitest";
import type { AttemptEvent } from "../../telemetry/attempt.ts";
import { requestText } from "./request-text.ts";

const attempt: AttemptEvent = {
  type: "http",
  id: "a1",
  resend: 0,
  method: "PUT",
  url: "https://r.example/v2/a/manifests/1",
  attempt: 1,
  inFlight: 1,
  startedAt: 100,
  durationMs: 35.4,
  sentBytes: 7,
  receivedBytes: 0,
  marks: [],
};

test("requestText tells what came of an attempt, and where its time went", () => {
  const marks = [
    { name: "admitted", at: 100.2 },
    { name: "connect", at: 100.2 },
    { name: "connect-done", at: 102.3 },
    { name: "connection", at: 102.3 },
    { name: "headers-sent", at: 102.4 },
    { name: "first-byte", at: 135 },
  ] as const;
  expect(requestText({ ...attempt, status: 201, marks, attempt: 2, requestId: "7f3a" })).toBe(
    "PUT https://r.example/v2/a/manifests/1 201 in 35 ms (connect 2, wait 33), attempt 2, id 7f3a",
  );
});

test("requestText tells a failure, before and after the answer", () => {
  const url = attempt.url;
  expect(requestText({ ...attempt, error: "timeout" })).toBe(`PUT ${url} timeout in 35 ms`);
  expect(requestText({ ...attempt, status: 200, error: "timeout" })).toBe(`PUT ${url} 200, then timeout in 35 ms`);
  expect(requestText(attempt)).toBe(`PUT ${url} no answer in 35 ms`);
});
