import {
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from "@opentelemetry/otlp-transformer";
import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { Span } from "../../../telemetry/derive/span.ts";
import type { ExporterSettings } from "../../../telemetry/settings/settings.ts";
import type { ExportOrder, FromExporter } from "../protocol.ts";
import { consoleOutlet, metricLines, spanLines } from "./console-outlet.ts";
import { OtlpOutlet, type Outlet } from "./outlet.ts";
import { createPoster } from "./post.ts";

export interface Outlets {
  /** In the order of the settings. */
  readonly traces: readonly Outlet<Span[]>[];
  readonly metrics: readonly Outlet<ResourceMetrics>[];
}

/** Opens where spans and metrics go. Nothing is connected to before there is something to send. */
export async function openOutlets(
  order: ExportOrder,
  toSdk: (span: Span) => ReadableSpan,
  tell: (message: FromExporter) => void,
): Promise<Outlets> {
  const { traces, metrics } = order.settings;
  const outletFor = outletsFor(order, (text) => tell({ type: "line", text }));
  const forSpans = [ProtobufTraceSerializer, JsonTraceSerializer] as const;
  const forMetrics = [ProtobufMetricsSerializer, JsonMetricsSerializer] as const;
  return {
    traces: await Promise.all(
      traces.map(async (exporter) => converting(await outletFor<ReadableSpan[]>(exporter, forSpans, spanLines), toSdk)),
    ),
    metrics: await Promise.all(
      metrics.map((exporter) => outletFor<ResourceMetrics>(exporter, forMetrics, metricLines)),
    ),
  };
}

/** The SDK's spans are several times as large as ours: they are made when they are sent. */
function converting(outlet: Outlet<ReadableSpan[]>, toSdk: (span: Span) => ReadableSpan): Outlet<Span[]> {
  return {
    async send(spans, onTrouble) {
      try {
        return await outlet.send(spans.map(toSdk), onTrouble);
      } catch (error) {
        return { delivered: false, problem: `a batch could not be made: ${String(error)}` };
      }
    },
    hurry: (at) => outlet.hurry(at),
    close: () => outlet.close(),
  };
}

type Serializers<Batch> = readonly [
  ConstructorParameters<typeof OtlpOutlet<Batch>>[0],
  ConstructorParameters<typeof OtlpOutlet<Batch>>[0],
];

function outletsFor({ settings, files, version }: ExportOrder, line: (text: string) => void) {
  return async <Batch>(
    exporter: ExporterSettings,
    [protobuf, json]: Serializers<Batch>,
    linesOf: (batch: Batch) => readonly object[],
  ): Promise<Outlet<Batch>> => {
    if (exporter.kind === "console") return consoleOutlet(linesOf, line);
    const poster = await createPoster(exporter, files, `waybill/${version}`);
    const { batch, metricsEach } = settings;
    // What is exported has a time of its own beside that of the exporter; the shorter one is over first.
    const exportMs = settings.metrics.includes(exporter) ? metricsEach.timeoutMs : batch.timeoutMs;
    const timeoutMs = Math.min(exporter.timeoutMs, exportMs);
    return new OtlpOutlet(exporter.encoding === "json" ? json : protobuf, poster, timeoutMs);
  };
}
