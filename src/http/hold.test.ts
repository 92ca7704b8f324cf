import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import type { Breaker } from "../async/breaker.ts";
import { createHold, type Hold, type Permit } from "./hold.ts";

const failure = new Error("nobody answers");

function holding() {
  const clock = fakeClock();
  const states: Breaker["at"][] = [];
  const hold = createHold({ clock, random: () => 1, onChange: ({ at }) => states.push(at) });
  return { clock, states, hold };
}

function fail(hold: Hold, times: number): void {
  for (let failed = 0; failed < times; failed++) hold.failed(hold.permit()!, failure);
}

/** Lets `count` wait; what they were told, in order. */
function crowd(hold: Hold, count: number) {
  const told: unknown[] = [];
  for (let one = 0; one < count; one++)
    hold.wait().then(
      (permit) => told.push(permit),
      (error: unknown) => told.push(error),
    );
  return told;
}

describe("createHold", () => {
  test("lets everybody go until five have failed in a row, then nobody", async () => {
    const { clock, hold, states } = holding();
    fail(hold, 4);
    expect(await hold.wait()).toEqual({ epoch: 0, isProbe: false });
    fail(hold, 1);
    const told = crowd(hold, 3);
    await clock.advanceSlowly(199, 199);
    expect([told, hold.permit(), hold.isHolding, states]).toEqual([[], undefined, true, ["open"]]);
  });

  test("lets one go ahead, and all when it was answered", async () => {
    const { clock, hold } = holding();
    fail(hold, 5);
    const told = crowd(hold, 3);
    await clock.advanceSlowly(200, 200);
    expect(told).toEqual([{ epoch: 2, isProbe: true }]);
    hold.answered();
    await clock.advanceSlowly(1, 1);
    expect(told.slice(1)).toEqual([
      { epoch: 3, isProbe: false },
      { epoch: 3, isProbe: false },
    ]);
    expect([hold.isHolding, clock.pending]).toEqual([false, 0]);
  });

  test("fails all who waited by the failure of the one that went ahead, and rests twice as long", async () => {
    const { clock, hold } = holding();
    fail(hold, 5);
    const told = crowd(hold, 3);
    await clock.advanceSlowly(200, 200);
    hold.failed(told[0] as Permit, failure);
    await clock.advanceSlowly(1, 1);
    expect(told.slice(1)).toEqual([failure, failure]);
    const later = crowd(hold, 1);
    await clock.advanceSlowly(398, 398);
    expect(later).toEqual([]);
    await clock.advanceSlowly(2, 1);
    expect(later).toEqual([{ epoch: 4, isProbe: true }]);
  });

  test("sends the next one ahead at once when the first was given up", async () => {
    const { clock, hold } = holding();
    fail(hold, 5);
    const told = crowd(hold, 2);
    await clock.advanceSlowly(200, 200);
    hold.givenUp(told[0] as Permit);
    await clock.advanceSlowly(1, 1);
    expect(told).toEqual([
      { epoch: 2, isProbe: true },
      { epoch: 4, isProbe: true },
    ]);
  });

  test("hears nothing of failures from before, and nothing twice", () => {
    const { clock, hold, states } = holding();
    const early = hold.permit()!;
    fail(hold, 5);
    hold.limited(clock.now());
    void hold.wait();
    for (let late = 0; late < 9; late++) hold.failed(early, failure);
    hold.givenUp(early);
    expect(states).toEqual(["open", "paused", "closed"]);
  });

  test("lets all go at the time that the origin has named, and keeps no timer for nobody", async () => {
    const { clock, hold } = holding();
    hold.limited(clock.now() + 8000);
    const controller = new AbortController();
    const given = hold.wait({ signal: controller.signal });
    controller.abort(failure);
    await expect(given).rejects.toBe(failure);
    expect(clock.pending).toBe(0);
    const told = crowd(hold, 2);
    await clock.advanceSlowly(7999, 7999);
    expect(told).toEqual([]);
    await clock.advanceSlowly(1, 1);
    expect(told).toHaveLength(2);
  });
});
