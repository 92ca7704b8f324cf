import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import { createServer as createHttps } from "node:https";
import { readdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attributesOf, otlpReceiver, type OtlpReceiver } from "../support/otlp-receiver.ts";
import { buildProgram, type Program } from "../support/program.ts";
import { pushSmallImage, startRegistry, type RunningRegistry } from "../support/running-registry.ts";
import { treeOf } from "../support/span-tree.ts";
import { listening } from "../support/socket-server.ts";

let program: Program;
let registries: RunningRegistry[];
beforeAll(async () => {
  program = buildProgram();
  registries = await Promise.all([1, 2, 3, 4].map(() => startRegistry()));
  await pushSmallImage(`${registries[0]!.host}/app:1`, "amd64");
}, 60_000);
afterAll(async () => {
  program[Symbol.dispose]();
  for (const registry of registries) await registry[Symbol.asyncDispose]();
});

let runs = 0;
/** Publishes to three registries, each time to repositories of its own. */
async function publish(env: Record<string, string>, more: readonly string[] = []) {
  runs += 1;
  const targets = registries.slice(1).flatMap(({ host }) => ["-t", `${host}/to-${runs}:1`]);
  const args = ["create", "--no-journal", "--progress", "quiet", ...more, ...targets, `${registries[0]!.host}/app:1`];
  return timed(args, env);
}

/** Runs it, and says how long it lived after it had told its result, which is the first that it tells. */
async function timed(args: readonly string[], env: Record<string, string>) {
  let toldAt = 0;
  const onStart = (child: ChildProcess) => {
    for (const output of [child.stdout, child.stderr]) output?.once("data", () => (toldAt ||= performance.now()));
  };
  const ran = await program.run(args, { env, onStart });
  return { ...ran, afterMs: performance.now() - toldAt };
}

describe.each(["http/protobuf", "http/json"])("a collector that speaks %s", (protocol) => {
  test("gets the whole tree of a publish to three registries, and measurements", async () => {
    await using collector = await otlpReceiver();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
    const ran = await publish({
      ...env,
      OTEL_RESOURCE_ATTRIBUTES: "team=release",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    });

    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    const tree = treeOf(collector.spans);
    expect(tree).toMatchObject({ repeated: 0, traces: 1, orphans: [], roots: ["waybill create"] });
    expect(tree.counts).toMatchObject({ preflight: 3, resolve: 1, assemble: 1, plan: 1, stage: 3, verify: 3, tag: 3 });
    expect(tree.counts).toMatchObject({ confirm: 3, "stage blob": 9, "read blob": 3, "write tags": 3 });
    expect(collector.resources[0]).toMatchObject({ "service.name": "waybill", team: "release" });
    const put = collector.spans.find(({ name }) => name === "PUT /v2/{name}/manifests/{reference}")!;
    expect(put.kind).toBe(3);
    expect(put.events?.map(({ name }) => name)).toContain("first-byte");
    expect(attributesOf(put)).toMatchObject({
      "http.request.method": "PUT",
      "server.address": "127.0.0.1",
      "network.protocol.version": "1.1",
      "waybill.repository": `to-${runs}`,
      "waybill.phase": expect.stringMatching(/^(?:stage|tag)$/),
    });
    const names = new Set(collector.metrics.map(({ name }) => name));
    for (const name of ["waybill.requests", "waybill.bytes.sent", "http.client.request.duration"])
      expect(names).toContain(name);
    const types = new Set(collector.requests.map(({ type }) => type));
    expect([...types]).toEqual([protocol === "http/json" ? "application/json" : "application/x-protobuf"]);
  });
});

test.each(["--version", "--help", "create --help"])(
  "%s loads nothing of it, whatever the environment says",
  async (args) => {
    // What a program loads it must be able to read.
    const worker = join(dirname(program.path), "telemetry");
    const parts = readdirSync(join(dirname(program.path), "chunks")).filter((name) => name.startsWith("telemetry-"));
    expect(parts).not.toEqual([]);
    const hidden = [worker, ...parts.map((name) => join(dirname(program.path), "chunks", name))];
    for (const path of hidden) renameSync(path, `${path}.hidden`);
    const ran = await program.run(args.split(" "), { env: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" } });
    for (const path of hidden) renameSync(`${path}.hidden`, path);
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
  },
);

test("a run is part of its pipeline's trace", async () => {
  await using collector = await otlpReceiver();
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const TRACEPARENT = `00-${traceId}-b7ad6b7169203331-01`;
  await publish({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`, TRACEPARENT });
  expect(new Set(collector.spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
  expect(collector.spans.find(({ name }) => name === "waybill create")?.parentSpanId).toBe("b7ad6b7169203331");
  expect(collector.requests.map(({ path }) => path)).toEqual(["/v1/traces"]);
});

test("an invalid value is one warning, and gRPC becomes HTTP with another", async () => {
  await using collector = await otlpReceiver();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER: "x",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
  };
  const ran = await publish(env, ["--progress", "plain"]);
  expect(ran.code).toBe(0);
  expect(ran.stderr.match(/WARNING: Cannot use OTEL_TRACES_SAMPLER/g)).toHaveLength(1);
  expect(ran.stderr.match(/WARNING: Cannot use OTEL_EXPORTER_OTLP_PROTOCOL/g)).toHaveLength(1);
  expect(collector.spans.length).toBeGreaterThan(10);
});

test("the console exporter writes to stderr, so that stdout holds results only", async () => {
  const ran = await publish({ OTEL_TRACES_EXPORTER: "console" }, ["-q"]);
  expect(ran.stdout.trim().split("\n")).toHaveLength(3);
  expect(ran.stderr).toContain('{"span":"waybill create"');
});

test("SIGINT ends the run in time, and what has ended by then is whole", async () => {
  await using collector = await otlpReceiver();
  await using slow = await startRegistry({ wrap: () => () => new Promise(() => undefined) });
  const args = ["create", "--no-journal", "-t", `${slow.host}/x:1`, `${registries[0]!.host}/app:1`];
  let startedAt = 0;
  const ran = await program.run(args, {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    onStart: (child) =>
      setTimeout(() => {
        startedAt = performance.now();
        child.kill("SIGINT");
      }, 1500),
  });
  expect(ran.code).toBe(130);
  expect(performance.now() - startedAt).toBeLessThan(2500);
  const tree = treeOf(collector.spans);
  expect(tree).toMatchObject({ repeated: 0, orphans: [], roots: ["waybill create"] });
});

describe("a collector that says nothing", () => {
  test("does not change the exit code of a run that fails, nor its error", async () => {
    const collector = await blackHole();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    const args = [`${registries[0]!.host}/nope:1`, "--telemetry-flush", "500ms"];
    const [ran, calm] = [await publish(env, args), await publish({}, args)];
    collector.close();
    expect([ran.code, calm.code]).toEqual([6, 6]);
    const error = /^ERROR: .*?(?= trace_id=|$)/m;
    expect(error.exec(ran.stderr)?.[0]).toBe(error.exec(calm.stderr)?.[0]);
    expect(ran.afterMs).toBeLessThan(500 + 1000);
  });

  test("holds nobody up who has pressed Ctrl-C", async () => {
    const collector = await blackHole();
    await using slow = await startRegistry({ wrap: () => () => new Promise(() => undefined) });
    const args = ["create", "--no-journal", "-t", `${slow.host}/x:1`, `${registries[0]!.host}/app:1`];
    let pressedAt = 0;
    const onStart = (child: ChildProcess) =>
      setTimeout(() => {
        pressedAt = performance.now();
        child.kill("SIGINT");
      }, 1500);
    const ran = await program.run(args, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, onStart });
    collector.close();
    expect(ran.code).toBe(130);
    expect(performance.now() - pressedAt).toBeLessThan(2500);
  });
});

interface Bad {
  readonly url: string;
  readonly close: () => unknown;
}

async function misbehaving(answer: Parameters<typeof otlpReceiver>[0]): Promise<Bad> {
  const receiver: OtlpReceiver = await otlpReceiver(answer);
  return { url: receiver.url, close: () => receiver[Symbol.asyncDispose]() };
}

async function blackHole(): Promise<Bad> {
  const server = createServer((socket) => socket.on("error", () => undefined).resume());
  return { url: `http://127.0.0.1:${await listening(server)}`, close: () => server.close() };
}

async function untrusted(): Promise<Bad> {
  const file = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), "utf8");
  const server = createHttps({ cert: file("cert.pem"), key: file("key.pem") }, (_request, response) => response.end());
  return { url: `https://127.0.0.1:${await listening(server)}`, close: () => server.close() };
}

const bad: readonly (readonly [string, () => Promise<Bad>, RegExp])[] = [
  ["that refuses", async () => ({ url: "http://127.0.0.1:1", close: () => 0 }), /the connection was refused/],
  ["that answers 503", () => misbehaving((_q, response) => response.writeHead(503).end()), /answered 503/],
  ["that is a black hole", blackHole, /did not answer within/],
  [
    "that is slow",
    () => misbehaving((_q, response) => void setInterval(() => response.write("x"), 200).unref()),
    /did not answer within/,
  ],
  [
    "that answers garbage",
    () => misbehaving((_q, response) => response.end(Buffer.from([0xff, 0xff, 0xff, 7]))),
    /cannot be understood/,
  ],
  ["nobody vouches for", untrusted, /Cannot trust/],
  [
    "without a name",
    async () => ({ url: "http://collector.invalid:4318", close: () => 0 }),
    /there is no host of this name|cannot be looked up/,
  ],
];

describe("a collector", () => {
  test.each(bad)(
    "%s changes nothing but one line at the end, and no time beyond the budget",
    async (_name, start, said) => {
      const collector = await start();
      const ran = await publish({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, ["-q"]);
      await collector.close();
      const calm = await publish({}, ["-q"]);
      expect(ran.code).toBe(0);
      expect(ran.stdout.replaceAll(/to-\d+/g, "to")).toBe(calm.stdout.replaceAll(/to-\d+/g, "to"));
      expect(ran.stderr.trimEnd().split("\n")).toHaveLength(1);
      expect(ran.stderr).toMatch(/^telemetry degraded: .*; the run was not affected$/m);
      expect(ran.stderr).toMatch(said);
      expect(ran.afterMs).toBeLessThan(2000 + 1000);
    },
  );
});

/** A publish that is so slow that it is known before its end how the first export went. */
async function slowly(env: Record<string, string>) {
  await using slow = await startRegistry({
    wrap: (next) => async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      return next(request);
    },
  });
  const args = ["create", "--no-journal", "-q", "-t", `${slow.host}/x:1`, `${registries[0]!.host}/app:1`];
  return await timed(args, env);
}

describe("a run whose last export has failed by its end", () => {
  // Sent early, and where nothing is to be heard given up early, so that it is known in time. A collector that answers has failed at nothing.
  const early = (name: string) => ({
    OTEL_BSP_SCHEDULE_DELAY: "10",
    ...(name.includes("slow") && { OTEL_EXPORTER_OTLP_TIMEOUT: "60" }),
    ...(name.includes("black hole") && { OTEL_BSP_EXPORT_TIMEOUT: "60" }),
  });
  const isBad = ([name]: (typeof bad)[number]) => name !== "that answers garbage";

  test.each(bad.filter(isBad))("is gone at once with a collector %s", async (name, start, said) => {
    const collector = await start();
    const env = { ...early(name), OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_METRICS_EXPORTER: "none" };
    const ran = await slowly(env);
    await collector.close();
    expect([ran.code, ran.stdout.trim().split("\n").length]).toEqual([0, 1]);
    expect(ran.stderr).toMatch(/^telemetry degraded: .*, \d+ spans dropped; the run was not affected$/m);
    expect(ran.stderr).toMatch(said);
    // Far below the 2 s that there would be, and far above what a busy machine takes.
    expect(ran.afterMs).toBeLessThan(1000);
  });
});

test("doctor sends a span to find out whether one arrives, and is traced itself", async () => {
  await using collector = await otlpReceiver();
  const args = ["doctor", registries[0]!.host];
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER: "parentbased_always_on" };
  const ran = await program.run(args, { env });
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  expect(ran.stdout).toContain(`a span arrived at ${new URL(collector.url).host}`);
  const names = collector.spans.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["waybill doctor telemetry", "waybill doctor", "GET /v2/"]));

  const refused = await program.run(args, { env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://127.0.0.1:1/canary" } });
  expect(refused.code).toBe(0);
  expect(refused.stdout).toContain("no span arrived at 127.0.0.1:1: ");
  expect(refused.stdout + refused.stderr).not.toContain("canary");
});
