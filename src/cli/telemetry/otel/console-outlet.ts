import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { Outlet } from "./outlet.ts";

/** The console exporter: a line of JSON for each span, or for each metric. */
export function consoleOutlet<Batch>(
  linesOf: (batch: Batch) => readonly object[],
  tell: (line: string) => void,
): Outlet<Batch> {
  return {
    async send(batch) {
      for (const line of linesOf(batch)) tell(JSON.stringify(line));
      return { delivered: true };
    },
    hurry: () => undefined,
    close: () => undefined,
  };
}

export function spanLines(spans: readonly ReadableSpan[]): readonly object[] {
  return spans.map((span) => {
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
  });
}

export function metricLines({ scopeMetrics }: ResourceMetrics): readonly object[] {
  return scopeMetrics.flatMap(({ metrics }) =>
    metrics.map(({ descriptor, dataPoints }) => ({
      metric: descriptor.name,
      unit: descriptor.unit,
      points: dataPoints.map(({ attributes, value }) => ({ attributes, value })),
    })),
  );
}

function millis([seconds, nanos]: readonly [number, number]): number {
  return seconds * 1000 + nanos / 1e6;
}
