import { afterAll, beforeAll, expect, test } from "vitest";
import type { Interceptor } from "../../src/http/send.ts";
import type { Fault } from "../../src/server/fault.ts";
import { faulty, type FaultRule } from "../../src/server/faults.ts";
import {
  attributesOf,
  otlpReceiver,
  pointsOf,
  type OtlpReceiver,
  type ReceivedSpan,
} from "../support/otlp-receiver.ts";
import { buildProgram, type Program } from "../support/program.ts";
import { pushSmallImage, startRegistry, type RunningRegistry } from "../support/running-registry.ts";
import { seeded } from "../support/simulation.ts";
import { treeOf } from "../support/span-tree.ts";

let program: Program;
let source: RunningRegistry;
beforeAll(async () => {
  program = buildProgram();
  source = await startRegistry();
  await pushSmallImage(`${source.host}/app:1`, "amd64");
}, 60_000);
afterAll(async () => {
  program[Symbol.dispose]();
  await source[Symbol.asyncDispose]();
});

const faults: readonly Fault[] = [
  { kind: "status", status: 500 },
  { kind: "status", status: 503 },
  { kind: "status", status: 429, headers: { "retry-after": "0" } },
  { kind: "refuse" },
  { kind: "lose-answer" },
  { kind: "cut", afterBytes: 0 },
  { kind: "cut-upload", afterBytes: 5 },
];

/** Lets one of ten requests come to harm. */
function striking(random: () => number): Interceptor {
  return (next) => (request) => {
    if (random() >= 0.1) return next(request);
    const fault = faults[Math.floor(random() * faults.length)]!;
    return faulty(next, [{ fault }])(request);
  };
}

/** Writes down which span each request that arrives says it belongs to. */
function listening(arrived: string[]): Interceptor {
  return (next) => (request) => {
    const [, , spanId = "none"] = (request.headers?.["traceparent"] ?? "").split("-");
    arrived.push(spanId);
    return next(request);
  };
}

/** A publish to three registries that harm one of ten requests, and all that was heard of it. */
async function publishUnderFaults(seed: number) {
  const random = seeded(seed);
  const arrived: string[] = [];
  const wrap: Interceptor = (next) => listening(arrived)(striking(random)(next));
  await using collector = await otlpReceiver();
  const registries = await Promise.all([1, 2, 3].map(() => startRegistry({ wrap })));
  const targets = registries.flatMap(({ host }) => ["-t", `${host}/app:1`]);
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const args = ["create", "--no-journal", "-q", "--propagate-trace", "--telemetry-flush", "20s", ...targets];
  const ran = await program.run([...args, `${source.host}/app:1`], { env });
  for (const registry of registries) await registry[Symbol.asyncDispose]();
  const retries = pointsOf(collector, "waybill.retries").reduce((sum, { value }) => sum + value, 0);
  return { ran, arrived, retries, spans: collector.spans, clients: collector.spans.filter(({ kind }) => kind === 3) };
}

const resends = (span: ReceivedSpan) => Number(attributesOf(span)["http.request.resend_count"] ?? 0);

test("while one of ten requests comes to harm each attempt is one span, linked to the one before it", async () => {
  let repeated = 0;
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const { ran, arrived, retries, spans, clients } = await publishUnderFaults(seed);
    const at = `seed ${seed}`;
    expect([ran.code, ran.stderr], at).toEqual([0, ""]);

    expect(treeOf(spans), at).toMatchObject({ repeated: 0, traces: 1, orphans: [], backwards: [], dangling: 0 });
    expect(treeOf(spans).roots, at).toEqual(["waybill create"]);

    // Whatever a registry has seen was exported, each attempt under its own name.
    const byId = new Map(clients.map((span) => [span.spanId, span]));
    for (const id of arrived) expect(byId.has(id), at).toBe(true);
    // One that found its kept connection dead was sent again at once, and says so.
    for (const { spanId, events = [] } of clients) {
      const sent = 1 + events.filter(({ name }) => name === "repeated").length;
      expect(arrived.filter((id) => id === spanId).length, at).toBeLessThanOrEqual(sent);
    }

    for (const span of clients) {
      const before = (span.links ?? []).map(({ spanId }) => byId.get(spanId));
      expect(before.length, at).toBe(resends(span) > 0 ? 1 : 0);
      for (const one of before) {
        expect(resends(one!), at).toBe(resends(span) - 1);
        expect(BigInt(one!.endTimeUnixNano) <= BigInt(span.startTimeUnixNano), at).toBe(true);
        expect(one!.parentSpanId, at).toBe(span.parentSpanId);
      }
    }
    const hasFailed = (spanId: string) => "error.type" in attributesOf(byId.get(spanId)!);
    const again = clients.filter(({ links = [] }) => links.some(({ spanId }) => hasFailed(spanId)));
    expect(again.length, at).toBe(retries);
    repeated += again.length;
  }
  expect(repeated).toBeGreaterThan(15);
}, 120_000);

test("registries hear of the trace only where it is asked for, with what others have to say of it", async () => {
  const heard: (string | undefined)[][] = [];
  const wrap: Interceptor = (next) => (request) => {
    heard.push([request.headers?.["traceparent"], request.headers?.["tracestate"]]);
    return next(request);
  };
  await using target = await startRegistry({ wrap });
  await using collector = await otlpReceiver();
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const pipeline = { TRACEPARENT: `00-${traceId}-b7ad6b7169203331-01`, TRACESTATE: "vendor=x" };
  const publish = async (env: Record<string, string>, ...more: readonly string[]) => {
    heard.length = 0;
    const args = ["create", "--no-journal", "-q", ...more, "-t", `${target.host}/app:1`, `${source.host}/app:1`];
    expect((await program.run(args, { env })).code).toBe(0);
    expect(heard.length).toBeGreaterThan(0);
  };

  await publish({ ...pipeline, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  for (const headers of heard) expect(headers).toEqual([undefined, undefined]);

  await publish(pipeline, "--propagate-trace");
  for (const [parent, state] of heard)
    expect([parent?.slice(0, 36), parent?.slice(-3), state]).toEqual([`00-${traceId}-`, "-01", "vendor=x"]);

  await publish({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER: "always_off" }, "--propagate-trace");
  for (const [parent] of heard) expect(parent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
});

test("what is measured says how much was sent, spared, repeated, allowed, and how long it took", async () => {
  const broken: readonly FaultRule[] = [
    { method: "PUT", route: "upload", fault: { kind: "status", status: 503, headers: { "retry-after": "0" } } },
    { method: "POST", fault: { kind: "status", status: 429, headers: { "retry-after": "1" } } },
  ];
  await using target = await startRegistry({ wrap: (next) => faulty(next, broken) });
  const publish = async (tag: string, from: string) => {
    await using collector = await otlpReceiver();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    const args = ["create", "--no-journal", "-q", "--telemetry-flush", "20s", "-t", `${target.host}/${tag}`, from];
    const ran = await program.run(args, { env });
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    return (name: string) => pointsOf(collector, name);
  };
  const here = { "waybill.registry": target.host };
  const positive = { value: expect.toSatisfy((value: number) => value > 0) };
  const some = (attributes: object) =>
    expect.objectContaining({ ...positive, attributes: expect.objectContaining(attributes) });

  const sent = await publish("app:1", `${source.host}/app:1`);
  expect(sent("waybill.bytes.sent")).toContainEqual(some(here));
  expect(sent("waybill.bytes.received")).toContainEqual(some({ "waybill.registry": source.host }));
  expect(sent("waybill.tags")).toEqual([{ value: 1, attributes: { ...here, "waybill.state": "created" } }]);
  const requests = sent("waybill.requests");
  for (const status of ["2xx", "4xx"])
    expect(requests).toContainEqual(
      some({ ...here, "waybill.operation": "upload-open", "waybill.status_class": status }),
    );
  const causes = sent("waybill.retries").map(({ attributes }) => attributes["error.type"]);
  expect([causes.length, new Set(causes)]).toEqual([2, new Set(["429", "503"])]);
  expect(sent("http.client.request.duration")).toContainEqual(
    some({ "http.request.method": "PUT", "server.port": Number(target.host.split(":")[1]) }),
  );
  expect(sent("waybill.task.duration")).toContainEqual(
    some({ ...here, "waybill.phase": "stage", "waybill.part": "blob" }),
  );
  expect(sent("waybill.concurrency")).toContainEqual(some(here));
  expect(sent("waybill.limit.concurrency")).toContainEqual(some(here));
  expect(sent("waybill.limit.rate")).toContainEqual(some(here));
  expect(sent("waybill.limit.wait")).toContainEqual(some(here));

  const spared = await publish("app:2", `${target.host}/app:1`);
  expect(
    spared("waybill.bytes.sent").filter(({ attributes }) => attributes["waybill.operation"] === "upload-body"),
  ).toEqual([]);
  const skipped = await publish("app:3", `${source.host}/app:1`);
  expect(skipped("waybill.bytes.skipped")).toContainEqual(some(here));
  const mounted = await publish("other:1", `${target.host}/app:1`);
  expect(mounted("waybill.bytes.mounted")).toContainEqual(some(here));
}, 60_000);

/** Publishes with room for four spans. */
async function publishNarrowly(collector: OtlpReceiver, flush: string) {
  await using target = await startRegistry();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_MAX_QUEUE_SIZE: "4",
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "4",
  };
  const args = ["create", "--no-journal", "-q", "--telemetry-flush", flush, "-t", `${target.host}/app:1`];
  return await program.run([...args, `${source.host}/app:1`], { env });
}

test("a collector that takes all gets every span, however few may wait", async () => {
  await using collector = await otlpReceiver();
  const ran = await publishNarrowly(collector, "20s");
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  expect(treeOf(collector.spans)).toMatchObject({ repeated: 0, orphans: [], roots: ["waybill create"] });
  expect(collector.spans.length).toBeGreaterThan(20);
});

test("spans that there was no room for are counted, and so measured", async () => {
  await using collector = await otlpReceiver((_request, response) => void setTimeout(() => response.end(), 500));
  const ran = await publishNarrowly(collector, "4s");
  const [, dropped] = /^telemetry degraded: (\d+) spans dropped; the run was not affected$/m.exec(ran.stderr) ?? [];
  expect(Number(dropped)).toBeGreaterThan(0);
  const drops = pointsOf(collector, "waybill.telemetry.drops");
  expect(drops).toEqual([{ value: Number(dropped), attributes: { "waybill.what": "span" } }]);
});
