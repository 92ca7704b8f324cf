import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import { AlwaysOnSampler, BasicTracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { AttributeValue, Attributes, Span } from "../../../telemetry/derive/span.ts";
import type { SpanLimits } from "../../../telemetry/settings/settings.ts";
import type { TraceIdentity } from "../../../telemetry/trace-context.ts";

export interface SpanFactoryOptions {
  readonly identity: TraceIdentity;
  readonly resource: Resource;
  readonly limits: SpanLimits;
  readonly version: string;
}

const sampled = 1;

/** Makes the SDK's spans of ours. Which traces are kept has been decided before; what a span may hold is the SDK's affair. */
export function spanFactory({ identity, resource, limits, version }: SpanFactoryOptions): (span: Span) => ReadableSpan {
  const { traceId, parent } = identity;
  const traceState = parent?.state === undefined ? undefined : createTraceState(parent.state);
  let spanId = "";
  let made: ReadableSpan | undefined;
  const tracer = new BasicTracerProvider({
    resource,
    sampler: new AlwaysOnSampler(),
    spanLimits: sdkLimits(limits),
    idGenerator: { generateTraceId: () => traceId, generateSpanId: () => spanId },
    spanProcessors: [
      {
        onStart: () => undefined,
        onEnd: (span) => void (made = span),
        forceFlush: async () => undefined,
        shutdown: async () => undefined,
      },
    ],
  }).getTracer("waybill", version);

  function contextOf(parentId: string | undefined): Context {
    if (parentId === undefined) return ROOT_CONTEXT;
    const isRemote = parentId === parent?.spanId;
    const context = { traceId, spanId: parentId, traceFlags: sampled, isRemote, ...(traceState && { traceState }) };
    return trace.setSpanContext(ROOT_CONTEXT, context);
  }

  return (span) => {
    spanId = span.id;
    const links = span.links.map((id) => ({ context: { traceId, spanId: id, traceFlags: sampled } }));
    const options = {
      kind: span.kind === "client" ? SpanKind.CLIENT : SpanKind.INTERNAL,
      startTime: time(span.startedAt),
      attributes: mutable(span.attributes),
      links,
    };
    const open = tracer.startSpan(span.name, options, contextOf(span.parentId));
    for (const { name, at, attributes } of span.events) open.addEvent(name, mutable(attributes ?? {}), time(at));
    if (span.error !== undefined) open.setStatus({ code: SpanStatusCode.ERROR, message: span.error });
    open.end(time(span.endedAt));
    if (!made) throw new TypeError(`Span "${span.name}" has not ended`);
    return made;
  };
}

function sdkLimits(limits: SpanLimits) {
  return {
    attributeCountLimit: limits.attributeCount,
    eventCountLimit: limits.eventCount,
    linkCountLimit: limits.linkCount,
    attributePerEventCountLimit: limits.attributePerEventCount,
    attributePerLinkCountLimit: limits.attributePerLinkCount,
    ...(limits.attributeValueLength !== undefined && { attributeValueLengthLimit: limits.attributeValueLength }),
  };
}

/** Seconds and nanoseconds: a plain number from before this thread began would be taken for a time since then. */
function time(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}

/** Attributes as the SDK takes them, and keeps them. */
export function mutable(attributes: Attributes): Record<string, Exclude<AttributeValue, readonly string[]> | string[]> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, typeof value === "object" ? [...value] : value]),
  );
}
