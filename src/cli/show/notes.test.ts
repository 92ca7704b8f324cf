import { expect, test } from "vitest";
import { loadText, quotaText } from "./notes.ts";

test.each([
  [{ remaining: 76, limit: 100, windowSeconds: 21_600 }, "docker.io: 76 of 100 pulls left per 6 h"],
  [{ remaining: 0, windowSeconds: 90 }, "docker.io: 0 pulls left per 90 s"],
  [{ remaining: 5, limit: 7 }, "docker.io: 5 of 7 pulls left"],
])("quotaText tells a quota in one line: %j", (quota, line) => {
  expect(quotaText({ type: "pull-quota", registry: "docker.io", ...quota, at: 0 })).toBe(line);
});

test.each([
  [
    { waitMs: 8000, why: "HTTP 429", perSecond: 10 },
    "docker.io: waiting 8.0 s (HTTP 429); 16 requests at a time, 10.0 a second",
  ],
  [{}, "docker.io: 16 requests at a time"],
  [{ origin: "https://auth.docker.io" }, "docker.io (https://auth.docker.io): 16 requests at a time"],
])("loadText tells what is allowed towards an origin: %j", (facts, text) => {
  const load = { type: "load", registry: "docker.io", origin: "https://docker.io", concurrency: 16, at: 0 } as const;
  expect(loadText({ ...load, ...facts })).toBe(text);
});
