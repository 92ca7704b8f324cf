import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { freePace, stepPace, type Pace, type PaceEvent } from "./pace.ts";

const passed = (count: number, nowMs: number, epoch = 0): PaceEvent[] =>
  Array.from({ length: count }, () => ({ type: "passed", epoch, nowMs }));
const limited = (nowMs: number, epoch = 0): PaceEvent => ({ type: "limited", epoch, nowMs });
const after = (events: readonly PaceEvent[], from: Pace = freePace) => events.reduce(stepPace, from);

/** `seconds` in each of which as many pass as the pace allows. */
function usedUp(state: Pace, fromMs: number, seconds: number): Pace {
  let next = state;
  for (let second = 0; second < seconds; second++) {
    for (let one = 0; one < Math.round(next.perSecond); one++)
      next = stepPace(next, { type: "passed", epoch: next.epoch, nowMs: fromMs + second * 1000 + one });
  }
  return next;
}

describe("stepPace", () => {
  test("lets as many go as come until the first complaint", () => {
    expect(after(passed(5000, 100)).perSecond).toBe(Number.POSITIVE_INFINITY);
  });

  test("takes what went through in the last second for what is borne", () => {
    expect(after([...passed(10, 1000), limited(1400)])).toMatchObject({ perSecond: 10, isSearching: false });
    expect(after([...passed(10, 1000), ...passed(10, 2000), limited(2500)]).perSecond).toBe(15);
    expect(after([...passed(10, 1000), limited(9000)]).perSecond).toBe(1);
  });

  test("adds what was under way at the first complaint and is let through after it", () => {
    expect(after([limited(1000), ...passed(10, 1200)]).perSecond).toBe(10);
    expect(after([limited(1000), ...passed(10, 1200, 1)]).perSecond).toBe(1);
  });

  test("hears one complaint of a burst, not all of them", () => {
    expect(after([...passed(10, 1000), ...Array.from({ length: 20 }, () => limited(1100))]).perSecond).toBe(10);
  });

  test("takes a fifth away when it is complained of again, and half where much less went through", () => {
    const paced = after([...passed(20, 1000), limited(1100)]);
    expect(after([...passed(20, 3000, 1), limited(3500, 1)], paced).perSecond).toBe(16);
    expect(after([...passed(2, 3000, 1), limited(3100, 1)], paced).perSecond).toBe(10);
  });

  test("doubles while it knows nothing, and halves once it went too far", () => {
    const unknown = after([limited(1000)]);
    const found = usedUp(unknown, 3000, 5);
    expect([unknown.perSecond, found.perSecond, found.isSearching]).toEqual([1, 16, true]);
    expect(after([limited(9000, 1)], found)).toMatchObject({ perSecond: 8, isSearching: false, ceiling: 16 });
  });

  test("grows with each second that was used up, in small steps where it was complained of before", () => {
    const paced = after([...passed(20, 1000), limited(1100), ...passed(20, 3000, 1), limited(3500, 1)]);
    expect(usedUp(paced, 6000, 3).perSecond).toBeCloseTo(17.64);
    expect(usedUp(paced, 6000, 20).perSecond).toBeLessThan(22);
    const idle = after([...passed(3, 6000, 2), ...passed(3, 7000, 2), ...passed(3, 8000, 2)], paced);
    expect(idle.perSecond).toBe(16);
  });

  test("never falls below one a second, and stays a number, for any history", () => {
    const event = fc.record({
      type: fc.constantFrom("passed" as const, "limited" as const),
      age: fc.nat(2),
      stepMs: fc.integer({ min: -2000, max: 3000 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), (events) => {
        let state = freePace;
        let nowMs = 1_700_000_000_000;
        for (const { type, age, stepMs } of events) {
          nowMs += stepMs;
          const before = state;
          state = stepPace(state, { type, epoch: state.epoch - age, nowMs });
          expect(state.perSecond).toBeGreaterThanOrEqual(1);
          if (type === "limited" && age > 0) expect(state).toBe(before);
          if (type === "limited" && age === 0) {
            expect(state.epoch).toBe(before.epoch + 1);
            expect(state.perSecond === 1 || state.perSecond < before.perSecond).toBe(true);
          }
        }
      }),
    );
  });
});
