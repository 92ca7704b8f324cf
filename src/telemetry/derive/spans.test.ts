import { expect, test } from "vitest";
import { attemptOf } from "../../../test/support/attempt.ts";
import { digestOf } from "../../spec/digest.ts";
import type { AttemptEvent } from "../attempt.ts";
import type { WaybillEvent } from "../events.ts";
import { commandTask } from "../task.ts";
import { spanIdOf, traceIdentity } from "../trace-context.ts";
import { Measurer } from "./measurements.ts";
import { pathFacts, placeOfTarget } from "./place.ts";
import type { Span } from "./span.ts";
import { SpanMaker } from "./spans.ts";

const identity = traceIdentity();
const attempt = attemptOf({ task: "stage x", after: "a1", protocol: "h2", requestId: "id" });
const step: WaybillEvent = {
  type: "task-started",
  id: "stage x",
  parent: "stage",
  phase: "stage",
  part: "blob",
  target: "r.example/acme/app",
  digest: "sha256:1",
  sizeBytes: 70,
  at: 900,
};

function spansOf(...events: readonly WaybillEvent[]): readonly Span[] {
  const maker = new SpanMaker(identity);
  return events.flatMap((event) => maker.take(event) ?? []);
}

test("SpanMaker makes a client span of an attempt, below its task and linked to the one before it", () => {
  const [span] = spansOf(step, attempt);
  expect(span).toMatchObject({
    id: spanIdOf(identity, "a2"),
    parentId: spanIdOf(identity, "stage x"),
    links: [spanIdOf(identity, "a1")],
    name: "PUT /v2/{name}/manifests/{reference}",
    kind: "client",
    startedAt: 1000,
    endedAt: 1020,
    error: "HTTP 503",
    attributes: {
      "http.request.method": "PUT",
      "http.response.status_code": 503,
      "http.request.resend_count": 1,
      "error.type": "503",
      "server.address": "r.example",
      "server.port": 443,
      "network.protocol.name": "http",
      "network.protocol.version": "2",
      "http.request.body.size": 7,
      "http.response.body.size": 9,
      "oci.manifest.digest": `sha256:${"0".repeat(64)}`,
      "waybill.registry": "r.example",
      "waybill.repository": "acme/app",
      "waybill.phase": "stage",
      "waybill.wait_ms": 10,
      "waybill.connection.reused": true,
    },
  });
  expect(span?.events.map(({ name }) => name)).toEqual(["connection", "headers-sent", "first-byte"]);
});

test("SpanMaker counts what was seen of an attempt twice, or at one of its ends only", () => {
  expect(spansOf(attempt)[0]?.attributes).not.toHaveProperty("waybill.odd_marks");
  const marks = [...attempt.marks, { name: "first-byte", at: 1013 }, { name: "tls-done", at: 1014 }] as const;
  expect(spansOf({ ...attempt, marks })[0]?.attributes).toMatchObject({
    "waybill.odd_marks": 2,
    "waybill.wait_ms": 10,
  });
});

test.each<[Partial<AttemptEvent>, boolean]>([
  [{ method: "HEAD", status: 404 }, false],
  [{ method: "GET", status: 404 }, false],
  [{ method: "PUT", status: 404 }, true],
  [{ method: "GET", status: 401 }, false],
  [{ method: "GET", status: 401, authorized: true }, true],
  [{ method: "GET", status: 200, error: "timeout" }, true],
])("SpanMaker calls a failure what is one: %j", (facts, failed) => {
  expect(spansOf({ ...attempt, ...facts })[0]?.error !== undefined).toBe(failed);
});

test("SpanMaker ends each task once, and nothing that never began", () => {
  const done: WaybillEvent = { type: "task-done", id: "stage x", at: 950, outcome: "mounted" };
  const spans = spansOf(done, step, done, done);
  expect(spans).toHaveLength(1);
  expect(spans[0]).toMatchObject({
    name: "stage blob",
    parentId: spanIdOf(identity, "stage"),
    attributes: { "waybill.outcome": "mounted", "waybill.digest": "sha256:1", "waybill.repository": "acme/app" },
  });
  expect(spans[0]?.attributes).not.toHaveProperty("oci.manifest.digest");
});

test("SpanMaker says where an upload went on, and that one began anew", () => {
  const again = (offsetBytes: number) =>
    ({ type: "content-again", id: "x", task: "stage x", offsetBytes, at: 910 }) as const;
  const done: WaybillEvent = { type: "task-done", id: "stage x", at: 950, outcome: "sent" };
  const [span] = spansOf(step, again(40), again(0), done);
  expect(span?.attributes).toMatchObject({ "waybill.resumed": 1, "waybill.resumed_at": 40 });
  expect(span?.events).toEqual([
    { name: "resumed", at: 910, attributes: { "waybill.offset": 40 } },
    { name: "sent anew", at: 910, attributes: { "waybill.offset": 0 } },
  ]);
  expect(spansOf(step, again(0), done)[0]?.attributes).not.toHaveProperty("waybill.resumed");
});

test.each([
  [3, ["tag", "tag", "tag"]],
  [2, ["tag", "more"]],
  [1, ["more"]],
  [0, []],
])("SpanMaker makes at most %i events of three tags, the last for those without room", (mostEvents, names) => {
  const maker = new SpanMaker(identity, mostEvents);
  maker.take({ type: "task-started", id: commandTask, phase: "command", at: 1 });
  const tag = { target: "r.example/app", tag: "1", digest: digestOf(Buffer.from("x")), state: "created" } as const;
  for (const at of [2, 3, 4]) maker.take({ type: "tag-done", ...tag, at });

  const events = maker.take({ type: "task-done", id: commandTask, at: 5 })?.events ?? [];
  expect(events.map(({ name }) => name)).toEqual(names);
  const more = events.find(({ name }) => name === "more");
  if (more) expect(more).toMatchObject({ at: mostEvents + 1, attributes: { "waybill.count": 4 - mostEvents } });
});

test("SpanMaker lets time go forward, also where a clock was set back", () => {
  const [span] = spansOf(step, { type: "task-done", id: "stage x", at: 100 });
  expect(span).toMatchObject({ startedAt: 900, endedAt: 900 });
});

test("Measurer counts what was mounted, and requests by registry, operation and class", () => {
  const measurer = new Measurer();
  const events = [step, { type: "task-done", id: "stage x", at: 950, outcome: "mounted" }, attempt] as const;
  const measured = events.flatMap((event) => measurer.take(event));
  expect(measured).toContainEqual({
    name: "waybill.bytes.mounted",
    value: 70,
    attributes: { "waybill.registry": "r.example" },
  });
  expect(measured).toContainEqual({
    name: "waybill.requests",
    value: 1,
    attributes: { "waybill.registry": "r.example", "waybill.operation": "manifest", "waybill.status_class": "5xx" },
  });
  expect(measured.find(({ name }) => name === "http.client.request.duration")?.value).toBe(0.02);
});

test("Measurer names a server's address as spans do", () => {
  const url = "http://[::1]:5000/v2/";
  const addresses = new Measurer()
    .take({ ...attempt, url })
    .flatMap(({ attributes }) => attributes["server.address"] ?? []);
  expect(addresses.length).toBeGreaterThan(1);
  expect(new Set(addresses)).toEqual(new Set(["::1"]));
});

test("Measurer knows the limits that are in force, waits, and resumes", () => {
  const measurer = new Measurer();
  const load = {
    type: "load",
    registry: "docker.io",
    origin: "https://auth.docker.io",
    concurrency: 16,
    at: 0,
  } as const;
  const place = { "waybill.registry": "docker.io", "server.address": "auth.docker.io" };
  expect(measurer.take(load)).toEqual([
    { name: "waybill.limit.concurrency", value: 16, attributes: place },
    { name: "waybill.limit.rate", value: 0, attributes: place },
  ]);
  expect(measurer.take({ ...load, perSecond: 2.5, waitMs: 8000 }).slice(1)).toEqual([
    { name: "waybill.limit.rate", value: 2.5, attributes: place },
    { name: "waybill.limit.wait", value: 8, attributes: place },
  ]);
  measurer.take(step);
  const again = { type: "content-again", id: "x", task: "stage x", at: 0 } as const;
  expect(measurer.take({ ...again, offsetBytes: 7 })).toEqual([
    { name: "waybill.resumes", value: 1, attributes: { "waybill.registry": "r.example" } },
  ]);
  expect(measurer.take({ ...again, offsetBytes: 0 })).toEqual([]);
});

test("pathFacts reads the distribution API's paths, and no others", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  expect(pathFacts(`/v2/a/b/blobs/${digest}`)).toEqual({
    repository: "a/b",
    digest,
    template: "/v2/{name}/blobs/{digest}",
  });
  const template = "/v2/{name}/manifests/{reference}";
  expect(pathFacts("/v2/a/manifests/1.0")).toEqual({ repository: "a", tag: "1.0", isManifest: true, template });
  expect(pathFacts(`/v2/a/manifests/${digest}`)).toEqual({ repository: "a", digest, isManifest: true, template });
  expect(pathFacts("/v2/a/blobs/uploads/")).toEqual({ repository: "a", template: "/v2/{name}/blobs/uploads/" });
  expect(pathFacts("/v2/a/blobs/uploads/1-2")).toMatchObject({ template: "/v2/{name}/blobs/uploads/{session}" });
  expect(pathFacts("/v2/")).toEqual({ template: "/v2/" });
  expect(pathFacts("/token")).toEqual({});
});

test("placeOfTarget knows registries from layouts", () => {
  expect(placeOfTarget("r.example:5000/a/b")).toEqual({ registry: "r.example:5000", repository: "a/b" });
  expect(placeOfTarget("oci-layout:///tmp/x")).toEqual({});
  expect(placeOfTarget(undefined)).toEqual({});
});
