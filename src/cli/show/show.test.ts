import { expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { logFor } from "../../../test/support/log.ts";
import { systemClock } from "../../async/clock.ts";
import { WaybillError } from "../../errors.ts";
import { digestOf } from "../../spec/digest.ts";
import type { CreateResult } from "../../verbs/create.ts";
import { guarded, openShow } from "./show.ts";
import { script } from "../../../test/support/progress-script.ts";

test("guarded drops a renderer that throws, says so once, and goes on with the log", () => {
  const told: string[] = [];
  let events = 0;
  const broken = {
    event() {
      events++;
      throw new RangeError("no");
    },
    close: () => undefined,
  };
  const show = guarded(broken, { output: { write: (text) => told.push(String(text)) }, log: logFor() });

  for (const event of script) show.report(event);
  show.close();

  expect(events).toBe(1);
  expect(told).toEqual([
    "WARNING: progress is no longer shown: RangeError\n",
    "WARNING: this repository is \\x1b[31mold (two.example)\n",
    "ERROR: pushing two.example/app: Cannot push manifest: denied\n",
  ]);
});

test("openShow of quiet lets urgent warnings through", async () => {
  const told: string[] = [];
  const output = { write: (text: string | Uint8Array) => told.push(String(text)) };
  const quiet = await openShow("quiet", { output, clock: systemClock(), env: {}, log: logFor() });

  quiet.report({ type: "warning", message: "the door is shut", isUrgent: true, at: 0 });

  expect(told).toEqual(["WARNING: the door is shut\n"]);
});

test("openShow of quiet says nothing unless debugging", async () => {
  const told: string[] = [];
  const options = {
    output: { write: (text: string | Uint8Array) => told.push(String(text)) },
    clock: systemClock(),
    env: {},
  };
  const quiet = await openShow("quiet", { ...options, log: logFor() });
  for (const event of script) quiet.report(event);
  quiet.report({ type: "warning", message: "not urgent", at: 0 });
  expect(told).toEqual([]);

  const debugging = await openShow("quiet", { ...options, log: logFor(["-D"]) });
  debugging.report({ type: "debug", message: "credential for one.example from docker config", at: 0 });
  expect(told).toEqual(["DEBUG: credential for one.example from docker config\n"]);
});

const bytes = Buffer.from("{}");
const result: CreateResult = {
  root: { descriptor: { mediaType: "x/y", digest: digestOf(bytes), size: bytes.byteLength }, bytes },
  targets: [],
  leftBehind: {},
};
const failed = new WaybillError("unavailable", "Cannot push");

test.each([
  ["plain", undefined, "the table"],
  ["plain", failed, "the table"],
  ["tty", undefined, "the table"],
  ["quiet", undefined, "nothing"],
  ["quiet", failed, "the table"],
  ["rawjson", failed, "nothing"],
  ["jsonl", failed, "JSON"],
] as const)("tell of %s after %s writes %s", async (mode, error, expected) => {
  let text = "";
  const output = { write: (chunk: string | Uint8Array) => (text += String(chunk)) };
  const show = await openShow(mode, { output, clock: fakeClock(), env: {}, log: logFor() });

  show.tell(result, { error });
  show.close();

  const isJson = text
    .trimEnd()
    .split("\n")
    .every((line) => line.startsWith("{"));
  const seen = text === "" ? "nothing" : isJson ? "JSON" : text.includes(digestOf(bytes)) ? "the table" : text;
  expect(seen).toBe(expected);
});

test("tell writes the summary also when the renderer has failed", () => {
  let text = "";
  const broken = {
    event() {
      throw new RangeError("no");
    },
    close: () => undefined,
  };
  const show = guarded(broken, { output: { write: (chunk) => (text += String(chunk)) }, log: logFor() });

  show.report({ type: "debug", message: "x", at: 0 });
  show.tell(result);

  expect(text).toContain(digestOf(bytes));
});
