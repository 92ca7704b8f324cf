import { readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerWith, evilHost } from "../support/evil-host.ts";
import { runInProcess } from "../support/in-process.ts";
import { attributesOf, otlpReceiver } from "../support/otlp-receiver.ts";
import { buildProgram, runCommand, type Program } from "../support/program.ts";
import { pushSmallImage, startRegistry, type RunningRegistry } from "../support/running-registry.ts";

const schema = JSON.parse(readFileSync(new URL("../../schema/log-1.json", import.meta.url), "utf8")) as object;
const validate = new Ajv({ strict: true }).compile(schema);

let program: Program;
let registry: RunningRegistry;
beforeAll(async () => {
  program = buildProgram();
  registry = await startRegistry();
  await pushSmallImage(`${registry.host}/app:1`, "amd64");
}, 60_000);
afterAll(async () => {
  program[Symbol.dispose]();
  await registry[Symbol.asyncDispose]();
});

interface Line {
  readonly level: string;
  readonly message: string;
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly [field: string]: unknown;
}

/** Every line of stderr, which must be one of the log. */
function linesOf(stderr: string): readonly Line[] {
  return stderr
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const parsed = JSON.parse(line) as Line;
      expect(validate(parsed), `${line} ${JSON.stringify(validate.errors)}`).toBe(true);
      return parsed;
    });
}

let runs = 0;
const publish = (args: readonly string[], env: Record<string, string> = {}) =>
  program.run(["create", "--no-journal", ...args, "-t", `${registry.host}/to-${++runs}:1`, `${registry.host}/app:1`], {
    env,
  });

test("JSON names the attempts and the trace that are exported", async () => {
  await using collector = await otlpReceiver();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const ran = await publish(["--log-level", "trace", "--log-format", "json"], env);
  expect([ran.code, ran.stdout]).toEqual([0, ""]);

  const lines = linesOf(ran.stderr);
  const spans = new Map(collector.spans.map((span) => [span.spanId, span]));
  expect(new Set(lines.map((line) => line.trace_id))).toEqual(new Set(collector.spans.map(({ traceId }) => traceId)));
  for (const { span_id = "", message } of lines) expect(spans.has(span_id), message).toBe(true);

  const attempts = lines.filter(({ method, level }) => method !== undefined && level === "debug");
  const clients = collector.spans.filter(({ kind }) => kind === 3);
  expect(attempts).toHaveLength(clients.length);
  expect(new Set(attempts.map(({ span_id }) => span_id))).toEqual(new Set(clients.map(({ spanId }) => spanId)));
  for (const line of attempts) {
    const attributes = attributesOf(spans.get(line.span_id!)!);
    expect(attributes["http.request.method"]).toBe(line["method"]);
    expect(attributes["http.response.status_code"]).toBe(line["status"]);
  }
});

test("a trace that the run was started in is named without any telemetry", async () => {
  const TRACEPARENT = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const ran = await publish(["--log-level", "info", "--log-format", "json"], { TRACEPARENT });
  const places = linesOf(ran.stderr).map((line) => `${line.trace_id} ${line.span_id}`);
  expect(new Set(places)).toEqual(new Set([`${"a".repeat(32)} ${"b".repeat(16)}`]));
  const alone = await publish(["--log-level", "info", "--log-format", "json"]);
  for (const line of linesOf(alone.stderr)) expect(line).not.toHaveProperty("trace_id");
});

test.each([
  [["--log-level", "trace"], "TRACE DEBUG INFO"],
  [["--log-level", "debug"], "DEBUG INFO"],
  [["-D"], "DEBUG INFO"],
  [["--log-level", "info"], "INFO"],
  [["--log-level", "warn"], ""],
  [[], ""],
])("create --progress quiet %j tells lines of: %s", async (args, expected) => {
  const ran = await publish(["--progress", "quiet", ...args]);
  const words = new Set(ran.stderr.split("\n").flatMap((line) => /^([A-Z]+): /.exec(line)?.[1] ?? []));
  expect([...words].toSorted().join(" ")).toBe(expected.split(" ").toSorted().join(" "));
});

test.each([["create"], ["inspect"]])("whatever is logged, %s writes the same to stdout", async (command) => {
  const run = (more: readonly string[]) =>
    command === "create"
      ? publish(["-q", ...more])
      : program.run(["inspect", "--raw", ...more, `${registry.host}/app:1`]);
  const plain = await run([]);
  for (const format of ["text", "json"]) {
    const ran = await run(["--log-level", "trace", "--log-format", format]);
    expect(ran.stdout.replace(/to-\d+/, "to")).toBe(plain.stdout.replace(/to-\d+/, "to"));
    expect(ran.stderr).toMatch(format === "json" ? /"level":"debug"/ : /^DEBUG: /m);
    if (format === "json") linesOf(ran.stderr);
  }
});

describe("an error", () => {
  test("is one line of JSON, also where the flags are wrong", async () => {
    const missing = await publish(["--log-format", "json", "--timeout", "5s", `${registry.host}/nope:1`]);
    expect(linesOf(missing.stderr).at(-1)).toMatchObject({
      level: "error",
      exit_code: missing.code,
      error: "not_found",
    });
    for (const args of [
      ["create", "--bogus", "--log-format=json"],
      ["--log-format", "json", "frobnicate"],
    ]) {
      const ran = await program.run(args);
      expect(linesOf(ran.stderr)).toMatchObject([{ level: "error", exit_code: 2, error: "invalid_argument" }]);
    }
  });

  test("says how to go on where the table does not", async () => {
    const args = ["create", "--log-format", "json", "-t", "127.0.0.1:1/x:1", "-t", `${registry.host}/y:1`];
    const ran = await program.run([...args, `${registry.host}/app:1`]);
    expect(ran.code).toBe(8);
    const lines = linesOf(ran.stderr);
    expect(lines.at(-1)).toMatchObject({ level: "error", exit_code: 8, error: "connection_failed" });
    expect(lines.filter(({ exit_code }) => exit_code !== undefined)).toHaveLength(1);
  });

  test.each([
    ["--log-level", "loud"],
    ["--log-format", "xml"],
  ])("of %s %s names what there is", async (...args) => {
    const ran = await program.run(["create", ...args]);
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringMatching(/^ERROR: invalid argument .* expected /)]);
  });
});

test("warnings of registries and our own are lines of the log", async () => {
  await using warning = await evilHost((_arrived, response) =>
    answerWith(response, 404, { headers: { warning: '299 - "this \u009b2J registry is old"' } }),
  );
  const env = { OTEL_TRACES_SAMPLER: "x", OTEL_TRACES_EXPORTER: "console" };
  const args = ["inspect", "--log-format", "json", `${warning.host}/app:1`];
  const ran = await runInProcess(args);
  expect(linesOf(ran.stderr)).toMatchObject([
    { level: "warn", message: expect.stringContaining("registry is old"), registry: warning.host },
    { level: "error" },
  ]);
  expect(ran.stderr).not.toContain("\u009b");
  const settings = await publish(["--log-format", "json"], {
    ...env,
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
  });
  expect(settings.stderr).toContain('"level":"warn","message":"Cannot use OTEL_TRACES_SAMPLER');
  const silenced = await publish(["--log-level", "error", "--progress", "plain"], env);
  expect(silenced.stderr).not.toContain("WARNING");
});

test("what telemetry has to say of itself is a line of the log", async () => {
  const ran = await publish(["--log-format", "json"], { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" });
  const lines = linesOf(ran.stderr);
  expect(lines).toMatchObject([
    { level: "warn", message: expect.stringMatching(/^telemetry degraded: .* was refused/) },
  ]);
});

test("docker's own --log-level counts", async () => {
  const path = join(dirname(program.path), "docker-waybill.js");
  symlinkSync(program.path, path);
  const args = ["-l", "debug", "waybill", "inspect", "--raw", `${registry.host}/app:1`];
  const ran = await runCommand(process.execPath, [path, ...args]);
  expect(ran.stderr).toMatch(/^DEBUG: GET http/m);
});
