import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { lagMs, lagPatience } from "./lag-patience.ts";

async function waitsWithin(patienceMs?: number): Promise<readonly number[]> {
  const clock = fakeClock();
  const patience = lagPatience(clock, patienceMs === undefined ? undefined : clock.now() + patienceMs);
  const waits: number[] = [];
  for (let from = clock.now(); ; from = clock.now()) {
    const waited = patience.wait();
    clock.next();
    if (!(await waited)) return waits;
    waits.push(clock.now() - from);
  }
}

test("lagPatience waits for all of the time that it tells, twice as long each time, and at last for the rest", async () => {
  expect(await waitsWithin()).toEqual([250, 500, 1000, 2000, 4000, 8000, lagMs - 15_750]);
  expect(await waitsWithin(1000)).toEqual([250, 500, 250]);
});

test("lagPatience does not wait where the time is over", async () => {
  expect(await waitsWithin(0)).toEqual([]);
});
