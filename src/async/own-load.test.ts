import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { eventLoopLoad } from "./own-load.ts";

test("eventLoopLoad tells a busy loop from an idle one, once its sample is old enough", async () => {
  const clock = fakeClock();
  const load = eventLoopLoad(clock);
  for (const until = performance.now() + 30; performance.now() < until;);
  expect(load()).toBe(0);
  clock.advance(60);
  expect(load()).toBeGreaterThan(0.5);
  expect(load()).toBeGreaterThan(0.5);
});
