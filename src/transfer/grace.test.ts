import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { graceAfter } from "./grace.ts";

const reason = new Error("stopped");

test("graceAfter lets what is under way go on for a moment after the run was cancelled", () => {
  const clock = fakeClock();
  const run = new AbortController();
  using grace = graceAfter(run.signal, clock);

  run.abort(reason);
  clock.advance(1_199);
  expect(grace.signal.aborted).toBe(false);
  clock.advance(1);
  expect(grace.signal.reason).toBe(reason);
});

test("graceAfter begins nothing new after the run was cancelled", () => {
  const clock = fakeClock();
  const run = new AbortController();
  using grace = graceAfter(run.signal, clock);

  grace.done();
  expect(grace.signal.aborted).toBe(false);
  run.abort(reason);
  grace.done();
  expect(grace.signal.aborted).toBe(true);
  expect(() => graceAfter(run.signal, clock)).toThrow(reason);
});

test("graceAfter leaves neither timer nor listener behind", () => {
  const clock = fakeClock();
  const run = new AbortController();
  graceAfter(run.signal, clock)[Symbol.dispose]();
  expect(getEventListeners(run.signal, "abort")).toEqual([]);
  {
    using _ = graceAfter(run.signal, clock);
    run.abort(reason);
  }
  expect(clock.pending).toBe(0);
});
