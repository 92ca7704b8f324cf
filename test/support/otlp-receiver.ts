import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { gunzipSync } from "node:zlib";
import { decode, type Message } from "./protobuf.ts";

/** A span as it arrived, whatever it was encoded in. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly KeyValue[];
  readonly events?: readonly { readonly name: string }[];
  readonly links?: readonly { readonly spanId: string }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface ReceivedMetric {
  readonly name: string;
  readonly sum?: { readonly dataPoints?: readonly NumberPoint[] };
  readonly gauge?: { readonly dataPoints?: readonly NumberPoint[] };
  readonly histogram?: { readonly dataPoints?: readonly HistogramPoint[] };
}

interface Point {
  readonly attributes?: readonly KeyValue[];
}

interface NumberPoint extends Point {
  readonly asDouble?: number;
  readonly asInt?: number | string;
}

interface HistogramPoint extends Point {
  readonly count?: number | string;
}

/** What an OTLP collector was sent. */
export interface OtlpReceiver extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  readonly metrics: readonly ReceivedMetric[];
  readonly resources: readonly Readonly<Record<string, unknown>>[];
  readonly requests: readonly { readonly path: string; readonly type: string }[];
}

/** Starts a collector on loopback that decodes both encodings. `answer` takes over for one that is to misbehave. */
export async function otlpReceiver(
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => void response.end(),
): Promise<OtlpReceiver> {
  const sockets = new Set<Socket>();
  const spans: ReceivedSpan[] = [];
  const metrics: ReceivedMetric[] = [];
  const resources: Readonly<Record<string, unknown>>[] = [];
  const requests: OtlpReceiver["requests"][number][] = [];
  const take = (path: string, body: Buffer, isJson: boolean) => {
    const isTraces = path.endsWith("/v1/traces");
    const read = isJson ? JSON.parse(body.toString()) : decode(body, isTraces ? traces : metricsRequest);
    for (const group of (read as Groups)[isTraces ? "resourceSpans" : "resourceMetrics"] ?? []) {
      resources.push(attributesOf(group.resource ?? {}));
      for (const scope of group.scopeSpans ?? []) spans.push(...(scope.spans ?? []));
      for (const scope of group.scopeMetrics ?? []) metrics.push(...(scope.metrics ?? []));
    }
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const sent = Buffer.concat(chunks);
      const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
      const type = request.headers["content-type"] ?? "";
      requests.push({ path: request.url ?? "", type });
      take(request.url ?? "", body, type.includes("json"));
      answer(request, response);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    metrics,
    resources,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Groups {
  readonly resourceSpans?: readonly Group[];
  readonly resourceMetrics?: readonly Group[];
}

interface Group {
  readonly resource?: { readonly attributes?: readonly KeyValue[] };
  readonly scopeSpans?: readonly { readonly spans?: readonly ReceivedSpan[] }[];
  readonly scopeMetrics?: readonly { readonly metrics?: readonly ReceivedMetric[] }[];
}

/** The attributes of a span, point or resource as plain values. */
export function attributesOf({ attributes = [] }: Point): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));
}

/** The points of a metric by name, as the last export has them: a number, of a histogram how many there were. */
export function pointsOf(
  { metrics }: OtlpReceiver,
  name: string,
): readonly { readonly value: number; readonly attributes: Readonly<Record<string, unknown>> }[] {
  const metric = metrics.findLast((one) => one.name === name);
  const numbers = metric?.sum?.dataPoints ?? metric?.gauge?.dataPoints ?? [];
  return [
    ...numbers.map(({ asDouble, asInt, attributes }) => ({ value: Number(asDouble ?? asInt), attributes })),
    ...(metric?.histogram?.dataPoints ?? []).map(({ count, attributes }) => ({ value: Number(count), attributes })),
  ].map(({ value, ...point }) => ({ value, attributes: attributesOf(point) }));
}

function plain(value: KeyValue["value"] | undefined): unknown {
  const [found] = Object.values(value ?? {});
  if (typeof found !== "object" || found === null || !("values" in found)) return found;
  return (found.values as KeyValue["value"][]).map(plain);
}

// Spec: opentelemetry-proto 1.7, trace/v1, metrics/v1, common/v1.
const anyValue: Message = () => ({
  1: { name: "stringValue", as: "text" },
  2: { name: "boolValue", as: "bool" },
  3: { name: "intValue", as: "int" },
  4: { name: "doubleValue", as: "double" },
  5: { name: "arrayValue", as: () => ({ 1: { name: "values", as: anyValue, repeated: true } }) },
});
const keyValue: Message = () => ({ 1: { name: "key", as: "text" }, 2: { name: "value", as: anyValue } });
const attributes = { name: "attributes", as: keyValue, repeated: true } as const;
const resource = { name: "resource", as: () => ({ 1: attributes }) } as const;
const event: Message = () => ({
  1: { name: "timeUnixNano", as: "fixed64" },
  2: { name: "name", as: "text" },
  3: attributes,
});
const link: Message = () => ({ 1: { name: "traceId", as: "hex" }, 2: { name: "spanId", as: "hex" } });
const span: Message = () => ({
  1: { name: "traceId", as: "hex" },
  2: { name: "spanId", as: "hex" },
  3: { name: "traceState", as: "text" },
  4: { name: "parentSpanId", as: "hex" },
  5: { name: "name", as: "text" },
  6: { name: "kind", as: "int" },
  7: { name: "startTimeUnixNano", as: "fixed64" },
  8: { name: "endTimeUnixNano", as: "fixed64" },
  9: attributes,
  11: { name: "events", as: event, repeated: true },
  13: { name: "links", as: link, repeated: true },
  15: { name: "status", as: () => ({ 2: { name: "message", as: "text" }, 3: { name: "code", as: "int" } }) },
});
/** What an export sends: groups by resource, in them groups by scope, in them what it is about. */
const exported =
  (kind: "Spans" | "Metrics", items: string, as: Message): Message =>
  () => ({
    1: {
      name: `resource${kind}`,
      repeated: true,
      as: () => ({
        1: resource,
        2: { name: `scope${kind}`, repeated: true, as: () => ({ 2: { name: items, as, repeated: true } }) },
      }),
    },
  });
const traces = exported("Spans", "spans", span);
const numberPoint: Message = () => ({
  7: attributes,
  3: { name: "timeUnixNano", as: "fixed64" },
  4: { name: "asDouble", as: "double" },
  6: { name: "asInt", as: "fixed64" },
});
const histogramPoint: Message = () => ({ 9: attributes, 4: { name: "count", as: "fixed64" } });
const points =
  (as: Message): Message =>
  () => ({ 1: { name: "dataPoints", as, repeated: true } });
const metric: Message = () => ({
  1: { name: "name", as: "text" },
  5: { name: "gauge", as: points(numberPoint) },
  7: { name: "sum", as: points(numberPoint) },
  9: { name: "histogram", as: points(histogramPoint) },
});
const metricsRequest = exported("Metrics", "metrics", metric);
