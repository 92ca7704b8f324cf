import * as fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

const highest = () => 1 - Number.EPSILON;

test("backoffMs doubles its bound with each retry when nothing caps it", () => {
  expect([1, 2, 3, 4].map((retry) => backoffMs(retry, highest))).toEqual([199, 399, 799, 1599]);
});

test("backoffMs stays within the cap and never below zero for any retry and any draw", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (retry, draw) => {
        const delay = backoffMs(retry, () => draw);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThan(30_000);
      },
    ),
  );
});

test("backoffMs uses the whole range when the draw is low", () => {
  expect(backoffMs(10, () => 0)).toBe(0);
});
