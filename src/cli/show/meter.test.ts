import { expect, test } from "vitest";
import { Meter } from "./meter.ts";

test("rate is what went in the last seconds", () => {
  const meter = new Meter();
  for (let at = 0; at < 10_000; at += 100) meter.add(at < 5000 ? 50_000 : 100_000, at);

  expect(meter.rate(10_000)).toBeGreaterThan(950_000);
  expect(meter.rate(10_000)).toBeLessThan(1_100_000);
});

test("rate is 0 before there is enough to tell it from, and again when nothing has gone for a while", () => {
  const meter = new Meter();
  expect(meter.rate(0)).toBe(0);
  meter.add(1_000_000, 1000);
  expect(meter.rate(1100)).toBe(0);
  expect(meter.rate(2000)).toBe(1_000_000);
  expect(meter.rate(60_000)).toBe(0);
});
