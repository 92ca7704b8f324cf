import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { onAbort } from "./on-abort.ts";

const listenersOf = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

test("onAbort tells everybody who waits, in order and once, by one listener", () => {
  const controller = new AbortController();
  const told: string[] = [];
  for (const name of ["first", "second"]) onAbort(controller.signal, () => told.push(name));
  expect(listenersOf(controller.signal)).toBe(1);
  controller.abort();
  controller.abort();
  expect(told).toEqual(["first", "second"]);
});

test("onAbort tells nobody who has left, and leaves no listener when all have", () => {
  const controller = new AbortController();
  const told: string[] = [];
  const [leaveFirst, leaveSecond] = ["first", "second"].map((name) =>
    onAbort(controller.signal, () => told.push(name)),
  );
  leaveFirst?.();
  leaveFirst?.();
  expect(listenersOf(controller.signal)).toBe(1);
  leaveSecond?.();
  expect(listenersOf(controller.signal)).toBe(0);
  onAbort(controller.signal, () => told.push("third"));
  controller.abort();
  expect(told).toEqual(["third"]);
});

test("onAbort does not tell whom another one makes leave", () => {
  const controller = new AbortController();
  const told: string[] = [];
  let leave = () => undefined as void;
  onAbort(controller.signal, () => leave());
  leave = onAbort(controller.signal, () => told.push("second"));
  controller.abort();
  expect(told).toEqual([]);
});

test("onAbort does nothing without a signal, or with one that has aborted", () => {
  const told: string[] = [];
  onAbort(undefined, () => told.push("none"))();
  onAbort(AbortSignal.abort(), () => told.push("aborted"))();
  expect(told).toEqual([]);
});
