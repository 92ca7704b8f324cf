import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import type { Clock } from "./clock.ts";
import { createTurnstile, type Turnstile } from "./turnstile.ts";

/** Lets `count` come at once, and notes when each has passed. */
function crowd(turnstile: Turnstile, count: number, clock: Clock): number[] {
  const begin = clock.now();
  const passedAt: number[] = [];
  for (let one = 0; one < count; one++) void turnstile.pass().then(() => passedAt.push(clock.now() - begin));
  return passedAt;
}

describe("createTurnstile", () => {
  test("lets as many through as come until it is given a rate", async () => {
    const clock = fakeClock();
    const passedAt = crowd(createTurnstile(clock), 3, clock);
    await clock.advanceSlowly(1, 1);
    expect([passedAt, clock.pending]).toEqual([[0, 0, 0], 0]);
  });

  test("spaces them evenly and leaves no timer when all have passed", async () => {
    const clock = fakeClock();
    const passedAt = crowd(createTurnstile(clock, 10), 4, clock);
    await clock.advanceSlowly(1000, 50);
    expect([passedAt, clock.pending]).toEqual([[0, 100, 200, 300], 0]);
  });

  test("lets urgent ones pass before those who have waited longer", async () => {
    const clock = fakeClock();
    const turnstile = createTurnstile(clock, 10);
    const order: string[] = [];
    for (const name of ["a", "b", "c"]) void turnstile.pass().then(() => order.push(name));
    void turnstile.pass({ urgent: true }).then(() => order.push("urgent"));
    await clock.advanceSlowly(1000, 50);
    expect(order).toEqual(["a", "urgent", "b", "c"]);
  });

  test("uses no turn for whoever gave up, and keeps no timer for nobody", async () => {
    const clock = fakeClock();
    const turnstile = createTurnstile(clock, 10);
    const controller = new AbortController();
    await turnstile.pass();
    const given = turnstile.pass({ signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    expect(clock.pending).toBe(0);
    const passedAt = crowd(turnstile, 1, clock);
    await clock.advanceSlowly(200, 50);
    expect(passedAt).toEqual([100]);
  });

  test("follows a new rate at once: slower for those who come, faster for those who wait", async () => {
    const clock = fakeClock();
    const turnstile = createTurnstile(clock);
    turnstile.perSecond = 1;
    const slow = crowd(turnstile, 1, clock);
    await clock.advanceSlowly(500, 50);
    expect(slow).toEqual([]);
    turnstile.perSecond = Number.POSITIVE_INFINITY;
    await clock.advanceSlowly(1, 1);
    expect([slow, clock.pending]).toEqual([[500], 0]);
  });
});
