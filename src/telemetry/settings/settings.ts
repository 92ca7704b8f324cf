import { hasEndpoint, otlpSettings, type OtlpSettings, type Signal } from "./otlp.ts";
import { isTraceContextNamed } from "./propagators.ts";
import { samplerSettings, type SamplerSettings } from "./sampler.ts";
import { pairs, Variables, type Environment } from "./variables.ts";

export type ExporterSettings = OtlpSettings | { readonly kind: "console" };

/** Most of each thing that a span keeps; absent: no limit. */
export interface SpanLimits {
  readonly attributeValueLength?: number;
  readonly attributeCount: number;
  readonly eventCount: number;
  readonly linkCount: number;
  readonly attributePerEventCount: number;
  readonly attributePerLinkCount: number;
}

/** How finished spans are gathered before they are sent. */
export interface BatchSettings {
  readonly delayMs: number;
  readonly timeoutMs: number;
  readonly queueSize: number;
  readonly batchSize: number;
}

/** What the environment asks for. Plain data; headers may hold secrets. */
export interface TelemetrySettings {
  /** Where spans go; empty where nobody wants any. */
  readonly traces: readonly ExporterSettings[];
  readonly metrics: readonly ExporterSettings[];
  readonly resource: Readonly<Record<string, string>>;
  readonly sampler: SamplerSettings;
  readonly limits: SpanLimits;
  readonly batch: BatchSettings;
  readonly metricsEach: { readonly intervalMs: number; readonly timeoutMs: number };
  readonly temporality: "cumulative" | "delta" | "lowmemory";
  /** Whether `TRACEPARENT` is heard. */
  readonly traceContext: boolean;
  /** Which of the SDK's own messages are of interest. */
  readonly logLevel: (typeof logLevels)[number];
}

const logLevels = ["none", "error", "warn", "info", "debug", "verbose", "all"] as const;

/** What is to be done, and one sentence for each variable that could not be understood. */
export interface Asked {
  /** Absent where the environment asks for nothing: then nothing is loaded. */
  readonly settings?: TelemetrySettings;
  readonly warnings: readonly string[];
}

/**
 * Reads OpenTelemetry's own variables. A signal is on when its exporter is named and is not `none`, or when an OTLP endpoint
 * is set for it or for all; `OTEL_SDK_DISABLED=true` switches everything off. Pure: never throws, never an error.
 */
export function telemetrySettings(env: Environment): Asked {
  const variables = new Variables(env);
  if (variables.flag("OTEL_SDK_DISABLED")) return { warnings: [] };
  const traces = exportersOf(variables, "traces");
  const metrics = exportersOf(variables, "metrics");
  if (traces.length + metrics.length === 0) return { warnings: variables.warnings };
  const settings: TelemetrySettings = {
    traces,
    metrics,
    resource: resourceOf(variables),
    sampler: samplerSettings(variables),
    limits: limitsOf(variables),
    batch: batchOf(variables),
    metricsEach: {
      intervalMs: variables.delayMs(["OTEL_METRIC_EXPORT_INTERVAL"], 1, 60_000),
      timeoutMs: variables.delayMs(["OTEL_METRIC_EXPORT_TIMEOUT"], 1, 30_000),
    },
    temporality: variables.choice(
      ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"],
      ["cumulative", "delta", "lowmemory"],
      "cumulative",
    ),
    traceContext: isTraceContextNamed(variables),
    logLevel: variables.choice(["OTEL_LOG_LEVEL"], logLevels, "info"),
  };
  return { settings, warnings: variables.warnings };
}

function exportersOf(variables: Variables, signal: Signal): readonly ExporterSettings[] {
  const named = variables.list(`OTEL_${signal.toUpperCase()}_EXPORTER`, ["otlp", "console", "none"]);
  const wanted = named ?? (hasEndpoint(variables, signal) ? ["otlp" as const] : []);
  if (wanted.includes("none")) return [];
  return wanted.map((kind) => (kind === "otlp" ? otlpSettings(variables, signal) : { kind: "console" }));
}

/** Spec: an attribute list that cannot be read counts as a whole as not set. */
function resourceOf(variables: Variables): Readonly<Record<string, string>> {
  const name = "OTEL_RESOURCE_ATTRIBUTES";
  const service = variables.text("OTEL_SERVICE_NAME")?.value;
  const own: Record<string, string> = service === undefined ? {} : { "service.name": service };
  try {
    return { ...Object.fromEntries(pairs(variables.text(name)?.value ?? "")), ...own };
  } catch {
    variables.warn(name, "it is not of the form key=value,key=value");
    return own;
  }
}

function limitsOf(variables: Variables): SpanLimits {
  const valueLength = variables.count(
    ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
    0,
    undefined,
  );
  return {
    ...(valueLength !== undefined && { attributeValueLength: valueLength }),
    attributeCount: variables.count(["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"], 0, 128),
    eventCount: variables.count(["OTEL_SPAN_EVENT_COUNT_LIMIT"], 0, 128),
    linkCount: variables.count(["OTEL_SPAN_LINK_COUNT_LIMIT"], 0, 128),
    attributePerEventCount: variables.count(["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"], 0, 128),
    attributePerLinkCount: variables.count(["OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"], 0, 128),
  };
}

function batchOf(variables: Variables): BatchSettings {
  const queueSize = variables.count(["OTEL_BSP_MAX_QUEUE_SIZE"], 1, 2048);
  return {
    delayMs: variables.delayMs(["OTEL_BSP_SCHEDULE_DELAY"], 0, 5000),
    timeoutMs: variables.delayMs(["OTEL_BSP_EXPORT_TIMEOUT"], 1, 30_000),
    queueSize,
    batchSize: Math.min(queueSize, variables.count(["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], 1, 512)),
  };
}
