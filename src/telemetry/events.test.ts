import { expect, test } from "vitest";
import { guarded, type WaybillEvent } from "./events.ts";

test("guarded passes every event on and drops what the listener throws", () => {
  const heard: WaybillEvent[] = [];
  const report = guarded((event) => {
    heard.push(event);
    throw new Error("a listener with a bug");
  });
  const event: WaybillEvent = { type: "debug", message: "anything", at: 0 };

  report(event);
  report(event);

  expect(heard).toEqual([event, event]);
});

test("guarded says how often its listener has failed, as soon as it listens again", () => {
  const heard: WaybillEvent[] = [];
  let isBroken = true;
  const report = guarded((event) => {
    if (isBroken) throw new Error("a bug");
    heard.push(event);
  });
  const event = (at: number): WaybillEvent => ({ type: "debug", message: "x", at });
  for (const at of [1, 2, 3]) report(event(at));
  isBroken = false;
  for (const at of [4, 5]) report(event(at));
  const drop = { type: "telemetry-drop", what: "event that a listener failed at", count: 3, at: 4 };
  expect(heard).toEqual([event(4), drop, event(5)]);
});

test("guarded says so too where its listener gives a promise and fails later", async () => {
  const heard: WaybillEvent[] = [];
  let isBroken = true;
  const hear = async (event: WaybillEvent) => {
    await Promise.resolve();
    if (isBroken) throw new Error("a bug");
    heard.push(event);
  };
  const report = guarded((event): unknown => hear(event));
  const event = (at: number): WaybillEvent => ({ type: "debug", message: "x", at });
  for (const at of [1, 2]) report(event(at));
  await new Promise((resolve) => setImmediate(resolve));
  isBroken = false;

  report(event(3));
  await new Promise((resolve) => setImmediate(resolve));

  const drop = { type: "telemetry-drop", what: "event that a listener failed at", count: 2, at: 3 };
  expect(heard).toEqual([event(3), drop]);
});
