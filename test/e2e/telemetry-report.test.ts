import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Ajv } from "ajv";
import { afterAll, beforeAll, expect, test } from "vitest";
import { otlpReceiver } from "../support/otlp-receiver.ts";
import { buildProgram, type Program } from "../support/program.ts";
import { pushSmallImage, startRegistry, type RunningRegistry } from "../support/running-registry.ts";
import { socketServer } from "../support/socket-server.ts";

const reports = JSON.parse(readFileSync(new URL("../../schema/report-1.json", import.meta.url), "utf8")) as object;
const validate = new Ajv({ strict: false, formats: { "date-time": true } }).compile(reports);

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

interface Report {
  readonly state: string;
  readonly telemetry?: object;
}

let runs = 0;
/** Publishes with a report, each time to a repository of its own. */
async function reported(
  env: Record<string, string>,
  {
    sources = [],
    onStart,
  }: { readonly sources?: readonly string[]; readonly onStart?: (child: ChildProcess, path: string) => void } = {},
) {
  runs += 1;
  const path = join(dirname(program.path), `report-${runs}.json`);
  const args = ["create", "--no-journal", "-q", "--report", path, "-t", `${registry.host}/to-${runs}:1`];
  const ran = await program.run([...args, ...sources, `${registry.host}/app:1`], {
    env,
    ...(onStart && { onStart: (child) => onStart(child, path) }),
  });
  const report = JSON.parse(readFileSync(path, "utf8")) as Report;
  expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
  return { ran, report };
}

test("the report says how telemetry fared, in the words of the line at the end", async () => {
  const { ran, report } = await reported({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" });
  const { degraded } = report.telemetry as { readonly degraded: string };
  expect(ran.stderr).toBe(`${degraded}\n`);
  expect(report).toMatchObject({ state: "done", telemetry: { spansSent: 0, spansDropped: expect.any(Number) } });
  expect(degraded).toMatch(/^telemetry degraded: .*\d\d spans dropped; the run was not affected$/);
});

test("the report counts the spans that have arrived, also of a run that fails", async () => {
  await using collector = await otlpReceiver();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const { ran, report } = await reported(env, { sources: [`${registry.host}/nope:1`] });
  expect(ran.code).toBe(6);
  const telemetry = { spansSent: collector.spans.length, spansDropped: 0, problems: [] };
  expect(report).toMatchObject({ state: "failed", telemetry });
  expect(report.telemetry).not.toHaveProperty("degraded");
});

test("the report says nothing of telemetry that is off", async () => {
  expect((await reported({})).report).not.toHaveProperty("telemetry");
});

test("the report is whole before a collector has said anything, and is added to later", async () => {
  await using silent = await socketServer((socket) => void socket.resume());
  const early: unknown[] = [];
  const { ran, report } = await reported(
    { OTEL_EXPORTER_OTLP_ENDPOINT: silent.url },
    {
      onStart: (child, path) => child.stdout?.once("data", () => early.push(JSON.parse(readFileSync(path, "utf8")))),
    },
  );
  expect(ran.code).toBe(0);
  expect(early).toMatchObject([{ state: "done" }]);
  expect(early[0]).not.toHaveProperty("telemetry");
  expect(report).toMatchObject({ telemetry: { degraded: expect.any(String) } });
});
