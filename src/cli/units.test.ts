import { assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { durationMs, formatBytes, formatDuration, formatElapsed, formatShare, formatWait, sizeBytes } from "./units.ts";

test.each([
  ["4096", 4096],
  ["16MiB", 16 * 1024 * 1024],
  ["10mb", 10_000_000],
  ["1.5k", 1500],
  ["2 Gi", 2 * 1024 ** 3],
  ["", undefined],
  ["-1", undefined],
  ["5parsecs", undefined],
  ["1e9", undefined],
])("sizeBytes reads %j as %s", (text, expected) => {
  expect(sizeBytes(text)).toBe(expected);
});

test.each([
  ["30", 30_000],
  ["300ms", 300],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["0s", undefined],
  ["", undefined],
  ["5 minutes", undefined],
  ["-3s", undefined],
])("durationMs reads %j as %s", (text, expected) => {
  expect(durationMs(text)).toBe(expected);
});

describe("parsers of foreign text", () => {
  test("sizeBytes and durationMs give a number or undefined when given anything", () => {
    assert(
      property(string(), (text) => {
        for (const value of [sizeBytes(text), durationMs(text)])
          if (value !== undefined) expect(value).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.00 kB"],
  [18_400_000, "18.4 MB"],
  [212_345_678, "212 MB"],
  [999_600, "1.00 MB"],
  [4e9, "4.00 GB"],
])("formatBytes writes %i as %s", (bytes, expected) => {
  expect(formatBytes(bytes)).toBe(expected);
});

test.each([
  [940, "0.9s"],
  [42_000, "42.0s"],
  [59_990, "1m 0s"],
  [200_000, "3m 20s"],
  [7_300_000, "2h 1m"],
])("formatDuration writes %i ms as %s", (ms, expected) => {
  expect(formatDuration(ms)).toBe(expected);
});

test.each([
  [40_900_000, 60_000_000, "40.9 / 60.0 MB"],
  [0, 4_000_000, "0.00 / 4.00 MB"],
  [999, 1000, "1.00 / 1.00 kB"],
  [20, 61, "20 / 61 B"],
])("formatShare writes %i of %i as %s", (part, whole, expected) => {
  expect(formatShare(part, whole)).toBe(expected);
});

test.each([
  [0, "0s", "0s"],
  [900, "1s", "0s"],
  [59_999, "1m 0s", "59s"],
  [200_000, "3m 20s", "3m 20s"],
  [7_300_000, "2h 1m", "2h 1m"],
])("formatWait writes %i ms as %s, formatElapsed as %s", (ms, wait, elapsed) => {
  expect([formatWait(ms), formatElapsed(ms)]).toEqual([wait, elapsed]);
});
