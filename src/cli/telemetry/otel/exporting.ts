import { resourceFromAttributes, type Resource } from "@opentelemetry/resources";
import {
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from "@opentelemetry/otlp-transformer";
import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { Measurer } from "../../../telemetry/derive/measurements.ts";
import type { Span } from "../../../telemetry/derive/span.ts";
import { SpanMaker } from "../../../telemetry/derive/spans.ts";
import type { WaybillEvent } from "../../../telemetry/events.ts";
import { Problems, type TelemetryHealth, type TelemetryProblem } from "../../../telemetry/health.ts";
import type { ExporterSettings } from "../../../telemetry/settings/settings.ts";
import type { ExportOrder, FromExporter } from "../protocol.ts";
import { consoleOutlet, metricLines, spanLines } from "./console-outlet.ts";
import { hearDiagnostics } from "./diagnostics.ts";
import { openMeter, type Meter } from "./metrics.ts";
import { MetricShipper } from "./metric-shipper.ts";
import { OtlpOutlet, type Outlet } from "./outlet.ts";
import { createPoster } from "./post.ts";
import { Shipper } from "./shipper.ts";
import { spanFactory } from "./spans.ts";

/** Makes spans and measurements of news, and sends them where they are wanted. */
export interface Exporting {
  take(events: readonly WaybillEvent[]): void;
  /**
   * Sends what is left, and closes everything. Settles by `until`, by `Date.now()`; `take` must not be called again. `lost`: spans
   * that were never taken.
   */
  finish(until: number, lost: number): Promise<TelemetryHealth>;
}

/** Opens nothing before there is something to send. `tell`: for the other thread. */
export async function openExporting(order: ExportOrder, tell: (message: FromExporter) => void): Promise<Exporting> {
  const { settings } = order;
  const problems = new Problems();
  const onProblem = (what: string) => problems.add(what);
  const line = (text: string) => tell({ type: "line", text });
  hearDiagnostics(settings.logLevel, { onProblem, onDetail: (text) => tell({ type: "detail", text }) });
  const resource = resourceOf(order);
  const outletFor = outletsFor(order, line);
  const onChange = () => tell({ type: "health", health: health() });
  const toSdk = spanFactory({ ...order, resource, limits: settings.limits });
  const meter = settings.metrics.length > 0 ? openMeter({ ...order, ...settings, resource }) : undefined;
  const onDrop = (count: number) =>
    meter?.add({ name: "waybill.telemetry.drops", value: count, attributes: { "waybill.what": "span" } });
  const spans = await Promise.all(
    settings.traces.map(async (exporter) => {
      const outlet = await outletFor<ReadableSpan[]>(
        exporter,
        [ProtobufTraceSerializer, JsonTraceSerializer],
        spanLines,
      );
      return new Shipper({ outlet: converting(outlet, toSdk), batch: settings.batch, onProblem, onDrop, onChange });
    }),
  );
  const metrics = await Promise.all(
    settings.metrics.map((exporter) =>
      outletFor<ResourceMetrics>(exporter, [ProtobufMetricsSerializer, JsonMetricsSerializer], metricLines),
    ),
  );
  const metricShipper = meter && new MetricShipper(meter, metrics, { ...settings.metricsEach, onProblem, onChange });
  const shippers = [...spans, ...(metricShipper ? [metricShipper] : [])];
  const sendings = [
    ...spans.map((shipper, at) => ({ shipper, places: placesOf(settings.traces.slice(at, at + 1)) })),
    ...(metricShipper ? [{ shipper: metricShipper, places: placesOf(settings.metrics) }] : []),
  ];
  function health(): TelemetryHealth {
    return {
      spansSent: Math.min(...spans.map(({ sent }) => sent), spans.length === 0 ? 0 : Infinity),
      spansDropped: Math.max(0, ...spans.map(({ dropped }) => dropped)),
      problems: withTroubles(problems.list, shippers),
      lastFailed: isHopeless(sendings),
    };
  }
  const take = taker(order, { spans, meter, onProblem });
  return {
    take,
    async finish(until, lost) {
      if (spans.length > 0) onDrop(lost);
      await Promise.all(shippers.map((shipper) => shipper.finish(until)));
      return health();
    },
  };
}

/** Where each exporter sends to. */
function placesOf(exporters: readonly ExporterSettings[]): readonly string[] {
  return exporters.map((exporter) => (exporter.kind === "console" ? "console" : new URL(exporter.url).origin));
}

interface Sending {
  readonly shipper: { readonly lastFailed: boolean; readonly hasTried: boolean };
  readonly places: readonly string[];
}

/** What was sent last has not arrived, and what was not sent yet would go nowhere else. */
function isHopeless(sendings: readonly Sending[]): boolean {
  const failed = new Set(sendings.flatMap(({ shipper, places }) => (shipper.lastFailed ? places : [])));
  return sendings.every(
    ({ shipper, places }) => shipper.lastFailed || (!shipper.hasTried && places.every((place) => failed.has(place))),
  );
}

/** What is known of what is under way, should nobody wait for its end. */
function withTroubles(
  known: readonly TelemetryProblem[],
  shippers: readonly { readonly trouble: string | undefined }[],
): readonly TelemetryProblem[] {
  const troubles = new Set(shippers.flatMap(({ trouble }) => trouble ?? []));
  for (const { what } of known) troubles.delete(what);
  return [...known, ...[...troubles].map((what) => ({ what, count: 1 }))];
}

interface Taking {
  readonly spans: readonly Shipper<Span>[];
  readonly meter: Meter | undefined;
  readonly onProblem: (what: string) => void;
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

function taker({ identity }: ExportOrder, { spans, meter, onProblem }: Taking) {
  const maker = new SpanMaker(identity);
  const measurer = new Measurer();
  const takeOne = (event: WaybillEvent) => {
    const span = spans.length > 0 ? maker.take(event) : undefined;
    if (span) for (const shipper of spans) shipper.add(span);
    if (meter) for (const measurement of measurer.take(event)) meter.add(measurement);
  };
  return (events: readonly WaybillEvent[]) => {
    for (const event of events) {
      try {
        takeOne(event);
      } catch (error) {
        onProblem(`an event of type "${event.type}" could not be used: ${String(error)}`);
      }
    }
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

/** Spec: OpenTelemetry semantic conventions, "Service" and "Telemetry SDK"; what the environment says comes last. */
function resourceOf({ settings, version }: ExportOrder): Resource {
  return resourceFromAttributes({
    "service.name": "waybill",
    "service.version": version,
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.language": "nodejs",
    "process.runtime.name": "nodejs",
    "process.runtime.version": process.versions.node,
    "os.type": process.platform === "win32" ? "windows" : process.platform,
    ...settings.resource,
  });
}
