import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { finestOf, steadyTime, systemClock, wallTime } from "./clock.ts";

test("steadyTime gives the date that it began at and the fine steps since", () => {
  const times = { ticks: 5.25, wall: 1000 };
  const now = steadyTime(
    () => times.ticks,
    () => times.wall,
  );
  expect(now()).toBe(1000);
  times.ticks = 6.75;
  expect(now()).toBe(1001.5);
});

test.each([-3_600_000, 3_600_000])("steadyTime goes on where the date is set by %i ms", (byMs) => {
  const times = { ticks: 0, wall: 1000 };
  const now = steadyTime(
    () => times.ticks,
    () => times.wall,
  );
  Object.assign(times, { ticks: 1.5, wall: 1001 + byMs });
  expect(now()).toBe(1001.5);
});

test("wallTime is the clock's own time where it knows no other", () => {
  expect(wallTime(fakeClock(7))).toBe(7);
  expect(wallTime({ ...fakeClock(7), wall: () => 3 })).toBe(3);
});

test("finestOf is the clock's own time where it knows nothing finer", () => {
  expect(finestOf(fakeClock(7))()).toBe(7);
  expect(Math.abs(finestOf(systemClock())() - Date.now())).toBeLessThan(25);
});

describe("systemClock", () => {
  const month = 30 * 24 * 60 * 60 * 1000;
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test.each([-month, month])("neither goes back nor leaps when the date is set by %i ms", (byMs) => {
    const clock = systemClock();
    const before = clock.now();
    vi.setSystemTime(before + byMs);

    expect([clock.now() - before, wallTime(clock) - before]).toEqual([0, byMs]);
    vi.advanceTimersByTime(1500);
    expect([clock.now() - before, wallTime(clock) - before]).toEqual([1500, byMs + 1500]);
  });

  test("waits out a delay that is longer than Node's timers can be", () => {
    let calls = 0;
    systemClock().after(2 * month, () => (calls += 1));

    vi.advanceTimersByTime(2 * month - 1);
    expect(calls).toBe(0);
    vi.advanceTimersByTime(1);
    expect([calls, vi.getTimerCount()]).toEqual([1, 0]);
  });

  test.each([0, month])("takes a long delay back after %i ms", (afterMs) => {
    let calls = 0;
    const cancel = systemClock().after(2 * month, () => (calls += 1));

    vi.advanceTimersByTime(afterMs);
    cancel();
    cancel();

    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(3 * month);
    expect(calls).toBe(0);
  });

  test("never calls after an endless delay", () => {
    let calls = 0;
    const cancel = systemClock().after(Number.POSITIVE_INFINITY, () => (calls += 1));

    vi.advanceTimersByTime(12 * month);
    expect(calls).toBe(0);
    cancel();
  });
});
