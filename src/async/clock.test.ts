import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { finestOf, followingWall, systemClock } from "./clock.ts";

test("followingWall gives the fine steps of one clock and the date of the other", () => {
  const times = { ticks: 5.25, wall: 1000 };
  const now = followingWall(
    () => times.ticks,
    () => times.wall,
  );
  expect(now()).toBe(1000);
  Object.assign(times, { ticks: 6.75, wall: 1001 });
  expect(now()).toBe(1001.5);
});

test("followingWall goes where the wall clock is set", () => {
  const times = { ticks: 0, wall: 1000 };
  const now = followingWall(
    () => times.ticks,
    () => times.wall,
  );
  Object.assign(times, { ticks: 1.5, wall: 500 });
  expect(now()).toBe(500);
  Object.assign(times, { ticks: 2, wall: 501 });
  expect(now()).toBe(500.5);
});

test("finestOf is the clock's own time where it knows nothing finer", () => {
  expect(finestOf(fakeClock(7))()).toBe(7);
  expect(Math.abs(finestOf(systemClock())() - Date.now())).toBeLessThan(25);
});
