import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { withDeadline } from "./deadline.ts";
import { sleep } from "./clock.ts";

test("withDeadline throws a typed timeout when the work is still running at the deadline", async () => {
  const clock = fakeClock();
  const run = withDeadline(clock, 5000, (signal) => sleep(clock, 60_000, signal), { what: 'the upload to "app"' });
  clock.advance(4999);
  clock.advance(1);
  await expect(run).rejects.toMatchObject({ code: "timeout", message: expect.stringContaining('the upload to "app"') });
  expect(clock.pending).toBe(0);
});

test("withDeadline leaves no timer when the work ends in time", async () => {
  const clock = fakeClock();
  expect(await withDeadline(clock, 5000, async () => "done")).toBe("done");
  expect(clock.pending).toBe(0);
});

test("withDeadline passes on the caller's reason when the caller aborts first", async () => {
  const clock = fakeClock();
  const controller = new AbortController();
  const run = withDeadline(clock, 5000, (signal) => sleep(clock, 60_000, signal), { signal: controller.signal });
  controller.abort(new Error("stop"));
  await expect(run).rejects.toThrow("stop");
});

test.each([
  [1000, 1000, "1 s"],
  [9000, 5000, "5 s"],
])("withDeadline lets the work shorten its time, and never lengthen it: to %i ms", async (toMs, endsAtMs, told) => {
  const clock = fakeClock();
  const run = withDeadline(clock, 5000, (signal, shorten) => {
    shorten(toMs);
    return sleep(clock, 60_000, signal);
  });
  const ended = run.then(
    () => "in time",
    (error: unknown) => error,
  );
  clock.advance(endsAtMs - 1);
  expect(clock.pending).toBe(2);
  clock.advance(1);
  expect(await ended).toMatchObject({ code: "timeout", message: expect.stringContaining(told) });
  expect(clock.pending).toBe(0);
});
