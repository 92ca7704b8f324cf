import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { MarkName } from "./marks.ts";
import { timingOf } from "./timing.ts";

/** Marks one millisecond apart, from 1, of an attempt that begins at 0 and ends with one more millisecond. */
function timed(...names: readonly MarkName[]) {
  return { startedAt: 0, durationMs: names.length + 1, marks: names.map((name, at) => ({ name, at: at + 1 })) };
}

function told(...names: readonly MarkName[]): readonly string[] {
  return timingOf(timed(...names)).stretches.map(
    ({ name, startedAt, durationMs }) => `${name} ${startedAt}-${startedAt + durationMs}`,
  );
}

test("timingOf tells the whole way of an attempt that opens a connection and sends a body", () => {
  const opening = ["admitted", "dns", "dns-done", "connect", "connect-done", "tls", "tls-done"] as const;
  const exchange = ["connection", "headers-sent", "body-sent", "first-byte", "last-byte"] as const;
  expect(told(...opening, ...exchange)).toEqual([
    "queue 0-1",
    "dns 2-3",
    "connect 4-5",
    "tls 6-7",
    "send 8-10",
    "wait 10-11",
    "receive 11-13",
  ]);
  expect(timingOf(timed(...opening, ...exchange))).toMatchObject({ reused: false, odd: 0 });
});

test("timingOf knows a connection that was there already", () => {
  const names = ["admitted", "connection", "headers-sent", "first-byte", "last-byte"] as const;
  expect(timingOf(timed(...names))).toMatchObject({ reused: true, odd: 0 });
  expect(timingOf(timed("admitted"))).toMatchObject({ reused: false });
});

test("timingOf lets what never ended last as long as the attempt", () => {
  expect(told("dns")).toEqual(["dns 1-2"]);
  expect(told("dns", "dns-done", "connect")).toEqual(["dns 1-2", "connect 3-4"]);
  expect(told("connection", "headers-sent")).toEqual(["send 1-2", "wait 2-3"]);
});

test("timingOf takes the exchange from the last time that the request was sent", () => {
  const first = ["connection", "headers-sent", "repeated"] as const;
  const names = [...first, "connect", "connect-done", "connection", "headers-sent", "first-byte"] as const;
  expect(told(...names)).toEqual(["connect 4-5", "send 6-7", "wait 7-8", "receive 8-9"]);
  expect(timingOf(timed(...names)).odd).toBe(0);
});

test("timingOf counts what has no place", () => {
  expect(timingOf(timed("dns-done")).odd).toBe(1);
  expect(timingOf(timed("tls", "tls", "tls-done")).odd).toBe(1);
  expect(timingOf(timed("first-byte", "first-byte", "last-byte", "last-byte")).odd).toBe(2);
});

const names: readonly MarkName[] = ["admitted", "dns", "dns-done", "connect", "connect-done", "tls", "tls-done"];
const more: readonly MarkName[] = ["connection", "headers-sent", "body-sent", "continue", "first-byte", "last-byte"];
const rare: readonly MarkName[] = ["reset", "goaway", "repeated"];

test("timingOf is defined for all marks at all times, and tells nothing outside the attempt", () => {
  const mark = fc.record({ name: fc.constantFrom(...names, ...more, ...rare), at: fc.double({ noNaN: true }) });
  const attempt = fc.record({
    startedAt: fc.integer({ min: 0, max: 1e12 }),
    durationMs: fc.integer({ min: 0, max: 1e6 }),
    marks: fc.array(mark),
  });
  fc.assert(
    fc.property(attempt, (given) => {
      const { stretches, odd } = timingOf(given);
      expect(odd).toBeLessThanOrEqual(given.marks.length);
      for (const { startedAt, durationMs } of stretches) {
        expect(startedAt).toBeGreaterThanOrEqual(given.startedAt);
        expect(durationMs).toBeGreaterThanOrEqual(0);
        expect(startedAt + durationMs).toBeLessThanOrEqual(given.startedAt + given.durationMs);
      }
    }),
  );
});
