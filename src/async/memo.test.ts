import { expect, test } from "vitest";
import { createMemo } from "./memo.ts";

const failing = () => Promise.reject(new Error("no"));

test("memo loads once for all who ask", async () => {
  const memo = createMemo<number>();
  let loads = 0;
  const load = async () => ++loads;
  expect(await Promise.all([memo.get("a", load), memo.get("a", load)])).toEqual([1, 1]);
  expect(await memo.get("a", load)).toBe(1);
  expect(await memo.get("b", load)).toBe(2);
});

test("memo tells an error to all who wait and asks again afterwards", async () => {
  const memo = createMemo<number>();
  const outcomes = await Promise.allSettled([memo.get("a", failing), memo.get("a", failing)]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(memo.has("a")).toBe(false);
  expect(await memo.get("a", async () => 7)).toBe(7);
});

test("memo stops the load when the last who waits has left, and starts anew for the next", async () => {
  const memo = createMemo<number>();
  const controllers = [new AbortController(), new AbortController()];
  let seen: AbortSignal | undefined;
  const endless = (signal: AbortSignal) => {
    seen = signal;
    return new Promise<number>((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));
  };
  const waiting = controllers.map(({ signal }) => memo.get("a", endless, signal));

  controllers[0]!.abort(new Error("first"));
  await expect(waiting[0]).rejects.toThrow("first");
  expect(seen?.aborted).toBe(false);
  controllers[1]!.abort(new Error("second"));
  await expect(waiting[1]).rejects.toThrow("second");

  expect(seen?.aborted).toBe(true);
  expect(await memo.get("a", async () => 1)).toBe(1);
});

test("memo hands out what was set", async () => {
  const memo = createMemo<number>();
  memo.set("a", 3);
  expect(memo.has("a")).toBe(true);
  expect(await memo.get("a", failing)).toBe(3);
});
