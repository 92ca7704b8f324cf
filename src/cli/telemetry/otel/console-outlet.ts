import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { Outlet } from "./outlet.ts";
import { inARow, type Packing, type Parcel } from "./parcel.ts";

/** The console exporter: a line of JSON for each span, or for each metric. */
export function consoleOutlet<Batch>(
  linesOf: (batch: Batch) => readonly string[],
  tell: (line: string) => void,
): Outlet<Batch> {
  return {
    async send(batch) {
      for (const line of linesOf(batch)) tell(line);
      return { delivered: true };
    },
    hurry: () => undefined,
    close: () => undefined,
  };
}

/** Lines are parcels as well: each ends with its line break. */
export const linePacking: Packing = {
  pack: (spans) => Buffer.from(spans.map((span) => `${JSON.stringify(lineOf(span))}\n`).join("")),
  join: inARow,
};

/** The lines of some parcels. */
export function packedLines(parcels: readonly Parcel[]): readonly string[] {
  return new TextDecoder().decode(inARow(parcels)).trimEnd().split("\n");
}

function lineOf(span: ReadableSpan): object {
  const { traceId, spanId } = span.spanContext();
  const { name, kind, attributes, status, duration, startTime } = span;
  return {
    span: name,
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    kind,
    start: millis(startTime),
    durationMs: millis(duration),
    status,
    attributes,
    events: span.events.map((event) => ({ name: event.name, at: millis(event.time), attributes: event.attributes })),
    links: span.links.map(({ context }) => context.spanId),
  };
}

export function metricLines({ scopeMetrics }: ResourceMetrics): readonly string[] {
  return scopeMetrics.flatMap(({ metrics }) =>
    metrics.map(({ descriptor: { name: metric, unit }, dataPoints }) => {
      const points = dataPoints.map(({ attributes, value }) => ({ attributes, value }));
      return JSON.stringify({ metric, unit, points });
    }),
  );
}

function millis([seconds, nanos]: readonly [number, number]): number {
  return seconds * 1000 + nanos / 1e6;
}
