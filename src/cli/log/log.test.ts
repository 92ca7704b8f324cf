import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { attemptOf } from "../../../test/support/attempt.ts";
import { logFor } from "../../../test/support/log.ts";
import { script } from "../../../test/support/progress-script.ts";
import { WaybillError } from "../../errors.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { logLevels } from "./level.ts";

const schema = JSON.parse(readFileSync(new URL("../../../schema/log-1.json", import.meta.url), "utf8")) as object;
const validate = new Ajv({ strict: true }).compile(schema);

const attempt = attemptOf({ id: "a7", durationMs: 20.5, protocol: "http/1.1", requestId: "7f3a" });
const warning: WaybillEvent = { type: "warning", message: "is deprecated", source: "r.example", at: 0 };
const news: readonly WaybillEvent[] = [
  { type: "task-started", id: "t1", phase: "stage", at: 0 },
  { type: "debug", message: "credential from docker config", at: 0 },
  attempt,
  { type: "phase", target: "r.example/acme/app", phase: "tag", at: 0 },
  warning,
  { type: "work-done", id: "w1", error: { code: "auth_denied", message: "Cannot push" }, at: 0 },
];

describe("a level", () => {
  test.each([
    ["trace", ["TRACE", "DEBUG", "DEBUG", "INFO", "WARNING", "ERROR"]],
    ["debug", ["DEBUG", "DEBUG", "INFO", "WARNING", "ERROR"]],
    ["info", ["INFO", "WARNING", "ERROR"]],
    ["warn", ["WARNING", "ERROR"]],
    ["error", ["ERROR"]],
    ["fatal", []],
  ])("%s tells %j", (level, words) => {
    const log = logFor(["--log-level", level]);
    expect(news.flatMap((event) => log.ofEvent(event)?.split(":")[0] ?? [])).toEqual(words);
  });

  test("never hides the error that a run ends with", () => {
    const error = new WaybillError("not_found", "Cannot find it");
    for (const level of logLevels)
      expect(logFor(["--log-level", level]).ofError(error, 6)).toMatch(/^ERROR: Cannot find it\n/);
  });
});

const place = (id?: string) => ({ traceId: "1".repeat(32), spanId: id ?? "the run" });

test("text has the ids of the trace at its end, where there is one", () => {
  const log = logFor(["-D"], { placeOf: place });
  expect(log.ofEvent(warning)).toBe(`WARNING: is deprecated (r.example) trace_id=${"1".repeat(32)} span_id=the run\n`);
  expect(log.ofEvent(attempt)).toMatch(/^DEBUG: PUT https:.* 503 in 21 ms .*, id 7f3a trace_id=1+ span_id=a7\n$/);
  expect(log.ofError(new WaybillError("not_found", "Cannot find it", { advice: "push it" }), 6)).toMatch(
    /^ERROR: Cannot find it trace_id=1+ span_id=the run\n {2}hint: push it\n/,
  );
  expect(logFor().ofEvent(warning)).toBe("WARNING: is deprecated (r.example)\n");
});

describe("JSON", () => {
  const json = ["--log-format", "json", "--log-level", "trace"];

  test("tells an attempt with where its time went, and its place in the trace", () => {
    const line = logFor(json, { placeOf: place }).ofEvent(attempt);
    expect(JSON.parse(line ?? "")).toEqual({
      time: "1970-01-01T00:00:01.020Z",
      level: "debug",
      message: expect.stringMatching(/^PUT https:.* 503 in 21 ms/),
      trace_id: "1".repeat(32),
      span_id: "a7",
      registry: "r.example",
      repository: "acme/app",
      digest: `sha256:${"0".repeat(64)}`,
      operation: "manifest",
      method: "PUT",
      url: attempt.url,
      status: 503,
      attempt: 2,
      resend: 1,
      duration_ms: 20.5,
      send_ms: 1,
      wait_ms: 10,
      receive_ms: 8.5,
      sent_bytes: 7,
      received_bytes: 9,
      request_id: "7f3a",
      protocol: "http/1.1",
    });
  });

  test("is as its schema says, for all news and for errors", () => {
    const ids = { placeOf: () => ({ traceId: "1".repeat(32), spanId: "2".repeat(16) }) };
    const log = logFor(json, ids);
    const events = [...script, ...news];
    const lines = events.flatMap((event) => log.ofEvent(event) ?? []);
    lines.push(log.ofError(new WaybillError("denied" as never, "Cannot", { status: 403 }), 4));
    lines.push(log.ofError(new TypeError("x is not a function"), 70), log.say("Logged in to r.example\n"));
    expect(lines.length).toBeGreaterThan(20);
    for (const line of lines) {
      expect(line.match(/\n/g)).toHaveLength(1);
      expect(validate(JSON.parse(line)), `${line} ${JSON.stringify(validate.errors)}`).toBe(true);
    }
  });

  test("tells what was cancelled as information, with its code", () => {
    const error = { code: "cancelled", message: "copy sha256:2 to r.example/app: Cancelled: got SIGINT" };
    const facts = { digest: `sha256:${"2".repeat(64)}`, target: "r.example/app", sizeBytes: 10, at: 0 };
    const log = logFor(json);
    const lines = [
      log.ofEvent({ type: "content-done", id: "c1", outcome: "failed", error, ...facts }),
      log.ofEvent({ type: "work-done", id: "w1", error, at: 0 }),
    ];
    const told = lines.map((line) => JSON.parse(line ?? "") as object);
    expect(told).toMatchObject([
      { level: "debug", error: "cancelled" },
      { level: "info", error: "cancelled", message: `w1: ${error.message}` },
    ]);
  });

  test("tells an error with its code, its exit code and what to do; causes and stacks to whoever wants details", () => {
    const cause = new Error("socket hang up");
    const error = new WaybillError("auth_denied", "Cannot push", { registry: "r.example", status: 403 }, { cause });
    expect(JSON.parse(logFor(["--log-format=json"]).ofError(error, 4))).toEqual({
      time: expect.any(String),
      level: "error",
      message: "Cannot push",
      exit_code: 4,
      error: "auth_denied",
      registry: "r.example",
      status: 403,
      advice: expect.stringContaining("-D names the source"),
    });
    expect(JSON.parse(logFor(json).ofError(error, 4))).toMatchObject({
      causes: ["Error: socket hang up"],
      stack: expect.arrayContaining([expect.stringContaining("log.test.ts")]),
    });
  });

  test("leaves nothing in a line that a terminal acts on, and loses nothing", () => {
    const message = "\u001b[2J\u009b\u202e {braces}\nERROR: fake";
    const line = logFor(json).ofEvent({ ...warning, message }) ?? "";
    expect(line.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(JSON.parse(line)).toMatchObject({ level: "warn", message: `${message} (r.example)` });
  });
});

test("what is not wanted is not even looked at", () => {
  const touchy = {
    type: "http",
    get url() {
      throw new Error("looked at");
    },
  } as unknown as WaybillEvent;
  expect(logFor().ofEvent(touchy)).toBeUndefined();
  expect(() => logFor(["-D"]).ofEvent(touchy)).toThrow("looked at");
});
