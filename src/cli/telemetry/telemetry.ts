import { readFileSync } from "node:fs";
import { finestOf, type Clock } from "../../async/clock.ts";
import type { Report, WaybillEvent } from "../../telemetry/events.ts";
import { degradation, healthy, type TelemetryHealth } from "../../telemetry/health.ts";
import { isSampled } from "../../telemetry/settings/sampler.ts";
import { telemetrySettings, type Asked, type TelemetrySettings } from "../../telemetry/settings/settings.ts";
import type { Environment } from "../../telemetry/settings/variables.ts";
import type { EndTask } from "../../telemetry/task.ts";
import { beginTask, commandTask } from "../../telemetry/task.ts";
import {
  remoteParent,
  spanIdOf,
  traceIdentity,
  traceParent,
  type TraceIdentity,
} from "../../telemetry/trace-context.ts";
import { ExporterLink, type ExporterThread, type ThreadEvents } from "./exporter-link.ts";
import { filesOf, type ExportOrder } from "./protocol.ts";

export interface TelemetryOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly version: string;
  /** What was asked for, by its name. */
  readonly command: string;
  readonly start: (order: ExportOrder, events: ThreadEvents) => ExporterThread;
  /** Where the console exporter writes. */
  readonly onLine: (text: string) => void;
  /** What the SDK tells of itself. */
  readonly onDetail: (text: string) => void;
}

/** Telemetry of one run. Nothing that it does can throw, wait, or change what the run comes to. */
export interface Telemetry {
  /** Takes news; nothing where telemetry is off. */
  readonly report: Report;
  /** False where nobody wants to know of attempts. */
  readonly isOn: boolean;
  /** Spans are wanted, also where this run's are among those that are not kept. */
  readonly isTraced: boolean;
  readonly identity: TraceIdentity;
  /** What the environment says and cannot be used, a sentence each. */
  readonly warnings: readonly string[];
  /** The header that makes a registry's own spans part of the trace: of an attempt, by its id. */
  readonly headersFor: (attempt: string) => Readonly<Record<string, string>>;
  readonly health: () => TelemetryHealth;
  /** Ends the run's own span and sends what is left, for at most `flushMs`. @returns one line where not all is well. */
  end(end: Parameters<EndTask>[0], flushMs: number): Promise<string | undefined>;
}

/** Opens telemetry as the environment asks for it. Loads nothing of the SDK. */
export function openTelemetry(options: TelemetryOptions): Telemetry {
  const { env, clock, command } = options;
  const asked = telemetrySettings(env);
  const identity = traceIdentity(asked.settings?.traceContext === false ? undefined : remoteParent(env));
  const { settings, sampled } = sampledSettings(asked, identity);
  const link = settings && linkFor(settings, identity, options);
  const report: Report = (event) => {
    if (link && wanted.has(event.type)) link.add(event);
  };
  const endCommand = beginTask({ id: commandTask, phase: "command", name: command }, { report, now: finestOf(clock) });
  return {
    report,
    isOn: link !== undefined,
    isTraced: (asked.settings?.traces.length ?? 0) > 0,
    identity,
    warnings: asked.warnings,
    headersFor: (attempt) => contextHeaders(identity, attempt, sampled),
    health: () => link?.health ?? healthy,
    async end(end, flushMs) {
      endCommand(end);
      return link && degradation(await link.finish(flushMs));
    },
  };
}

/** What spans and measurements are made of. */
const wanted: ReadonlySet<WaybillEvent["type"]> = new Set([
  "task-started",
  "task-done",
  "http",
  "retry",
  "content-again",
  "load",
  "tag-done",
  "warning",
  "telemetry-drop",
]);

/** A trace that is not kept has no spans; measurements are made all the same. */
function sampledSettings(
  { settings }: Asked,
  identity: TraceIdentity,
): { readonly settings?: TelemetrySettings; readonly sampled: boolean } {
  if (!settings) return { sampled: identity.parent?.sampled ?? false };
  const sampled = settings.traces.length > 0 && isSampled(settings.sampler, identity.traceId, identity.parent);
  const left = { ...settings, traces: sampled ? settings.traces : [] };
  return left.traces.length + left.metrics.length > 0 ? { settings: left, sampled } : { sampled };
}

function linkFor(settings: TelemetrySettings, identity: TraceIdentity, options: TelemetryOptions): ExporterLink {
  const { clock, version, onLine, onDetail, start } = options;
  return new ExporterLink({
    clock,
    onLine,
    onDetail,
    delayMs: settings.batch.delayMs,
    hasSpans: settings.traces.length > 0,
    start: (events) => start({ settings, identity, version, files: readFiles(settings) }, events),
  });
}

/** @throws Error where one cannot be read: then nothing is exported. */
function readFiles({ traces, metrics }: TelemetrySettings): Readonly<Record<string, string>> {
  const paths = [...traces, ...metrics].flatMap((exporter) => (exporter.kind === "otlp" ? filesOf(exporter) : []));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path, "utf8")]));
}

function contextHeaders(identity: TraceIdentity, attempt: string, sampled: boolean): Readonly<Record<string, string>> {
  const { traceId, parent } = identity;
  const traceparent = traceParent(traceId, spanIdOf(identity, attempt), sampled);
  return { traceparent, ...(parent?.state !== undefined && { tracestate: parent.state }) };
}
