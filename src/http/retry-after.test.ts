import * as fc from "fast-check";
import { expect, test } from "vitest";
import { retryAfterMs } from "./retry-after.ts";

const now = Date.UTC(2030, 0, 1, 12, 0, 0);

test.each([
  ["0", 0],
  ["7", 7000],
  [" 120 ", 120_000],
  ["1.5", 1500],
  ["Tue, 01 Jan 2030 12:00:30 GMT", 30_000],
  ["Tuesday, 01-Jan-30 12:00:30 GMT", 30_000],
  ["Tue Jan  1 12:00:30 2030 GMT", 30_000],
  ["Tue, 01 Jan 2030 11:00:00 GMT", 0],
  ["-5", undefined],
  ["soon", undefined],
  ["1e9", undefined],
  ["", undefined],
  [undefined, undefined],
])("retryAfterMs reads %s", (header, expected) => {
  expect(retryAfterMs(header, now)).toBe(expected);
});

test("retryAfterMs gives a wait that is never negative for any text, and never throws", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(retryAfterMs(text, now) ?? 0).toBeGreaterThanOrEqual(0);
    }),
  );
});

test("retryAfterMs reads back any date as the protocol writes it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000_000 }), (seconds) => {
      expect(retryAfterMs(new Date(now + seconds * 1000).toUTCString(), now)).toBe(seconds * 1000);
    }),
  );
});
