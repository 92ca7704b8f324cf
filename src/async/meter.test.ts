import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { createMeter } from "./meter.ts";

test("pay lets a tenth of a second pass at once, and makes those who come wait for those before", async () => {
  const clock = fakeClock();
  const begin = clock.now();
  const meter = createMeter(clock, 1000);
  await meter.pay(100);
  const paidAt: number[] = [];
  for (const amount of [100, 50, 1000]) void meter.pay(amount).then(() => paidAt.push(clock.now() - begin));
  await clock.advanceSlowly(2000, 10);
  expect([paidAt, clock.pending]).toEqual([[100, 150, 1150], 0]);
});

test("pay ends with the signal, and what was counted stays counted", async () => {
  const clock = fakeClock();
  const meter = createMeter(clock, 1000);
  const controller = new AbortController();
  const waiting = meter.pay(600, controller.signal);
  controller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  expect(clock.pending).toBe(0);
  let paid = false;
  void meter.pay(0).then(() => (paid = true));
  await clock.advanceSlowly(490, 10);
  expect(paid).toBe(false);
  await clock.advanceSlowly(10, 10);
  expect(paid).toBe(true);
});
