import { resourceFromAttributes, type Resource } from "@opentelemetry/resources";
import { Measurer } from "../../../telemetry/derive/measurements.ts";
import type { Span } from "../../../telemetry/derive/span.ts";
import { SpanMaker } from "../../../telemetry/derive/spans.ts";
import type { WaybillEvent } from "../../../telemetry/events.ts";
import { Problems, type TelemetryHealth } from "../../../telemetry/health.ts";
import type { ExportOrder, FromExporter } from "../protocol.ts";
import { hearDiagnostics } from "./diagnostics.ts";
import { healthOf, placesOf } from "./fare.ts";
import { openMeter, type Meter } from "./metrics.ts";
import { MetricShipper } from "./metric-shipper.ts";
import { openOutlets } from "./outlets.ts";
import type { Parcel } from "./parcel.ts";
import { Shipper } from "./shipper.ts";
import { spanFactory } from "./spans.ts";

/** Makes spans and measurements of news, and sends them where they are wanted. */
export interface Exporting {
  /** Waits while there is no room for their spans, as long as that is of use. Must not be called again before it has settled. */
  take(events: readonly WaybillEvent[]): Promise<void>;
  /** Nothing waits for room after `until`, by `Date.now()`. */
  hurry(until: number): void;
  /**
   * Sends what is left, and closes everything. Settles by `until`, by `Date.now()`; `take` must not be called again. `lost`: spans
   * that were never taken.
   */
  finish(until: number, lost: number): Promise<TelemetryHealth>;
}

/** Opens nothing before there is something to send. `tell`: for the other thread. */
export async function openExporting(order: ExportOrder, tell: (message: FromExporter) => void): Promise<Exporting> {
  const { settings } = order;
  const known = new Problems();
  const onProblem = (what: string) => known.add(what);
  hearDiagnostics(settings.logLevel, { onProblem, onDetail: (text) => tell({ type: "detail", text }) });
  const resource = resourceOf(order);
  const meter = settings.metrics.length > 0 ? openMeter({ ...order, ...settings, resource }) : undefined;
  const onDrop = (count: number) =>
    meter?.add({ name: "waybill.telemetry.drops", value: count, attributes: { "waybill.what": "span" } });
  const onChange = () => tell({ type: "health", health: health() });
  const outlets = await openOutlets(order, spanFactory({ ...order, resource, limits: settings.limits }), tell);
  const telling = { onProblem, onDrop, onChange };
  const spans = outlets.traces.map(
    ({ outlet, pack }) => new Shipper({ outlet, pack, batch: settings.batch, ...telling }),
  );
  const metrics = meter ? [new MetricShipper(meter, outlets.metrics, { ...settings.metricsEach, ...telling })] : [];
  const sendings = [
    ...spans.map((shipper, at) => ({
      shipper,
      fare: shipper.fare,
      places: placesOf(settings.traces.slice(at, at + 1)),
    })),
    ...metrics.map((shipper) => ({ shipper, fare: shipper.fare, places: placesOf(settings.metrics) })),
  ];
  const health = () => healthOf({ spans, sendings, problems: known.list });
  return {
    take: taker(order, { spans, meter, onProblem }),
    hurry: (until) => void setTimeout(() => spans.forEach((shipper) => shipper.press()), until - Date.now()),
    async finish(until, lost) {
      if (spans.length > 0) onDrop(lost);
      await Promise.all(sendings.map(({ shipper }) => shipper.finish(until)));
      return health();
    },
  };
}

interface Taking {
  readonly spans: readonly Shipper<Span, Parcel>[];
  readonly meter: Meter | undefined;
  readonly onProblem: (what: string) => void;
}

function taker({ identity, settings }: ExportOrder, { spans, meter, onProblem }: Taking) {
  const maker = new SpanMaker(identity, settings.limits.eventCount);
  const measurer = new Measurer();
  const takeOne = (event: WaybillEvent) => {
    const span = spans.length > 0 ? maker.take(event) : undefined;
    if (span) for (const shipper of spans) shipper.add(span);
    if (meter) for (const measurement of measurer.take(event)) meter.add(measurement);
  };
  return async (events: readonly WaybillEvent[]) => {
    for (const event of events) {
      for (const shipper of spans) await shipper.room();
      try {
        takeOne(event);
      } catch (error) {
        onProblem(`an event of type "${event.type}" could not be used: ${String(error)}`);
      }
    }
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
