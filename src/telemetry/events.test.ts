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
