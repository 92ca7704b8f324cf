import {
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from "@opentelemetry/otlp-transformer";
import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { Span } from "../../../telemetry/derive/span.ts";
import type { OtlpSettings } from "../../../telemetry/settings/otlp.ts";
import type { ExporterSettings } from "../../../telemetry/settings/settings.ts";
import type { ExportOrder, FromExporter } from "../protocol.ts";
import { consoleOutlet, linePacking, metricLines, packedLines } from "./console-outlet.ts";
import { OtlpOutlet, type Outlet, type Wire } from "./outlet.ts";
import { jsonPacking, protobufPacking, type Packing, type Parcel } from "./parcel.ts";
import { createPoster } from "./post.ts";

/** Where spans go, and how they are made ready for that. */
export interface SpanOutlet {
  readonly outlet: Outlet<readonly Parcel[]>;
  readonly pack: (spans: readonly Span[]) => Parcel;
}

export interface Outlets {
  /** In the order of the settings. */
  readonly traces: readonly SpanOutlet[];
  readonly metrics: readonly Outlet<ResourceMetrics>[];
}

/** Opens where spans and metrics go. Nothing is connected to before there is something to send. */
export async function openOutlets(
  order: ExportOrder,
  toSdk: (span: Span) => ReadableSpan,
  tell: (message: FromExporter) => void,
): Promise<Outlets> {
  const { traces, metrics } = order.settings;
  const line = (text: string) => tell({ type: "line", text });
  return {
    traces: await Promise.all(
      traces.map(async (exporter) => {
        const packing = packingOf(exporter);
        const outlet =
          exporter.kind === "console"
            ? consoleOutlet(packedLines, line)
            : await otlp(order, exporter, spanWire(exporter, packing));
        return { outlet, pack: packer(packing, toSdk) };
      }),
    ),
    metrics: await Promise.all(
      metrics.map(async (exporter) =>
        exporter.kind === "console" ? consoleOutlet(metricLines, line) : otlp(order, exporter, metricWire(exporter)),
      ),
    ),
  };
}

/** The SDK's spans are several times as large as ours, and ours as what is sent: they are not kept. */
function packer({ pack }: Packing, toSdk: (span: Span) => ReadableSpan) {
  return (spans: readonly Span[]): Parcel => ({ count: spans.length, bytes: pack(spans.map(toSdk)) });
}

function packingOf(exporter: ExporterSettings): Packing {
  if (exporter.kind === "console") return linePacking;
  return exporter.encoding === "json" ? jsonPacking : protobufPacking;
}

function spanWire(exporter: OtlpSettings, { join }: Packing): Wire<readonly Parcel[]> {
  const serializer = exporter.encoding === "json" ? JsonTraceSerializer : ProtobufTraceSerializer;
  return { encode: join, decode: (answer) => serializer.deserializeResponse(answer) };
}

function metricWire(exporter: OtlpSettings): Wire<ResourceMetrics> {
  const serializer = exporter.encoding === "json" ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  return {
    encode: (batch) => serializer.serializeRequest(batch),
    decode: (answer) => serializer.deserializeResponse(answer),
  };
}

async function otlp<Batch>(
  { settings, files, version }: ExportOrder,
  exporter: OtlpSettings,
  wire: Wire<Batch>,
): Promise<Outlet<Batch>> {
  const poster = await createPoster(exporter, files, `waybill/${version}`);
  const { batch, metricsEach } = settings;
  // What is exported has a time of its own beside that of the exporter; the shorter one is over first.
  const exportMs = settings.metrics.includes(exporter) ? metricsEach.timeoutMs : batch.timeoutMs;
  return new OtlpOutlet(wire, poster, Math.min(exporter.timeoutMs, exportMs));
}
