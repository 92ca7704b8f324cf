import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { Controller, onAbort } from "./on-abort.ts";

const listenersOf = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

const kinds = [
  ["anybody's controller", AbortController, 1],
  ["a controller of ours", Controller, 0],
] as const;

test.each(kinds)("onAbort tells everybody who waits for %s, in order and once", (_name, Kind, listeners) => {
  const controller = new Kind();
  const told: string[] = [];
  for (const name of ["first", "second"]) onAbort(controller.signal, () => told.push(name));
  expect(listenersOf(controller.signal)).toBe(listeners);
  controller.abort();
  controller.abort();
  expect(told).toEqual(["first", "second"]);
});

test.each(kinds)("onAbort tells nobody who no longer waits for %s", (_name, Kind, listeners) => {
  const controller = new Kind();
  const told: string[] = [];
  const [leaveFirst, leaveSecond] = ["first", "second"].map((name) =>
    onAbort(controller.signal, () => told.push(name)),
  );
  leaveFirst?.();
  leaveFirst?.();
  expect(listenersOf(controller.signal)).toBe(listeners);
  leaveSecond?.();
  expect(listenersOf(controller.signal)).toBe(0);
  onAbort(controller.signal, () => told.push("third"));
  controller.abort();
  expect(told).toEqual(["third"]);
});

test.each(kinds)("onAbort does not tell whom another one makes leave, of those who wait for %s", (_name, Kind) => {
  const controller = new Kind();
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

test("a controller tells the listeners of its signal before those who wait, and gives all of them the reason", () => {
  const controller = new Controller();
  const told: unknown[] = [];
  onAbort(controller.signal, () => told.push("waiting", controller.signal.reason));
  controller.signal.addEventListener("abort", () => told.push("listening"));
  controller.abort("enough");
  expect(told).toEqual(["listening", "waiting", "enough"]);
});
