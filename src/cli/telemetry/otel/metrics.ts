import type { Counter, Gauge, Histogram, Meter as SdkMeter } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  InstrumentType,
  MeterProvider,
  MetricReader,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import { instruments, type InstrumentName, type Measurement } from "../../../telemetry/derive/measurements.ts";
import type { TelemetrySettings } from "../../../telemetry/settings/settings.ts";
import { mutable } from "./spans.ts";

export interface MeterOptions {
  readonly resource: Resource;
  readonly version: string;
  readonly temporality: TelemetrySettings["temporality"];
}

/** Adds measurements up. */
export interface Meter {
  add(measurement: Measurement): void;
  /** Everything since the beginning, or since the last time, as the temporality says. */
  collect(): Promise<ResourceMetrics>;
}

// Up to ten seconds as the conventions have them, and beyond: a large blob may take minutes.
const seconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 900];
const requests = [1, 2, 4, 8, 16, 32, 64, 128];

/** Opens an SDK meter with all our instruments. */
export function openMeter({ resource, version, temporality }: MeterOptions): Meter {
  const reader = new Reader(temporality);
  const meter = new MeterProvider({ resource, readers: [reader] }).getMeter("waybill", version);
  const made = new Map<string, Counter | Gauge | Histogram>();
  for (const [name, instrument] of Object.entries(instruments)) made.set(name, instrumentOf(meter, name, instrument));
  return {
    add({ name, value, attributes }) {
      const found = made.get(name);
      if (!found) return;
      if ("add" in found) found.add(value, mutable(attributes));
      else found.record(value, mutable(attributes));
    },
    collect: async () => (await reader.collect()).resourceMetrics,
  };
}

function instrumentOf(
  meter: SdkMeter,
  name: string,
  { kind, unit, about }: (typeof instruments)[InstrumentName],
): Counter | Gauge | Histogram {
  const options = { unit, description: about };
  if (kind === "counter") return meter.createCounter(name, options);
  if (kind === "gauge") return meter.createGauge(name, options);
  const advice = { explicitBucketBoundaries: unit === "s" ? seconds : requests };
  return meter.createHistogram(name, { ...options, advice });
}

/** Collects when it is asked to. */
class Reader extends MetricReader {
  constructor(temporality: MeterOptions["temporality"]) {
    super({ aggregationTemporalitySelector: (type) => temporalityOf(type, temporality) });
  }

  protected async onShutdown(): Promise<void> {
    // Nothing is held open.
  }

  protected async onForceFlush(): Promise<void> {
    // Whoever wants metrics collects them.
  }
}

/** Spec: OpenTelemetry, "OTLP Metrics Exporter, additional environment variable configuration". */
function temporalityOf(type: InstrumentType, wanted: MeterOptions["temporality"]): AggregationTemporality {
  const isSynchronous = type === InstrumentType.COUNTER || type === InstrumentType.HISTOGRAM;
  const isDelta = wanted !== "cumulative" && isSynchronous;
  return isDelta ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
}
