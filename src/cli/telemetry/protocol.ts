import type { WaybillEvent } from "../../telemetry/events.ts";
import type { TelemetryHealth } from "../../telemetry/health.ts";
import type { OtlpSettings } from "../../telemetry/settings/otlp.ts";
import type { TelemetrySettings } from "../../telemetry/settings/settings.ts";
import type { TraceIdentity } from "../../telemetry/trace-context.ts";

/** What the thread that exports is started with. Plain data, as all that goes between the two threads. */
export interface ExportOrder {
  readonly settings: TelemetrySettings;
  readonly identity: TraceIdentity;
  readonly version: string;
  /** The PEM files that the settings name, by path. */
  readonly files: Readonly<Record<string, string>>;
}

/** What the exporting thread is told. */
export type ToExporter =
  | { readonly type: "news"; readonly events: readonly WaybillEvent[] }
  /** What is left of the news follows. It is taken in by `until`, by `Date.now()`, whatever has to go for it. */
  | { readonly type: "hurry"; readonly until: number }
  /**
   * No more news. Whatever is left is to be sent by `until`, by `Date.now()`, and `done` to be answered.
   * `lost`: spans for which there was no room before.
   */
  | { readonly type: "finish"; readonly until: number; readonly lost: number };

/** What it answers. */
export type FromExporter =
  /** One `news` has been taken in. */
  | { readonly type: "taken" }
  | { readonly type: "health"; readonly health: TelemetryHealth }
  /** A line of the console exporter. */
  | { readonly type: "line"; readonly text: string }
  /** A detail that the SDK tells of itself, where `OTEL_LOG_LEVEL` asks for it. */
  | { readonly type: "detail"; readonly text: string }
  | { readonly type: "done"; readonly health: TelemetryHealth };

/** The names of the files that an exporter needs. */
export function filesOf(exporter: OtlpSettings): readonly string[] {
  return [exporter.certificate, exporter.clientKey, exporter.clientCertificate].filter((path) => path !== undefined);
}
