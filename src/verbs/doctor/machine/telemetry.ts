import type { TelemetryHealth } from "../../../telemetry/health.ts";
import { telemetrySettings, type ExporterSettings } from "../../../telemetry/settings/settings.ts";
import { note, ok, warning, type Check, type Said } from "../check.ts";
import type { Machine } from "../machine.ts";

/**
 * What the `OTEL_*` variables ask for, and whether a span arrives there. Nothing here is a failure: telemetry keeps nobody from
 * publishing.
 */
export const telemetry: Check<Machine> = {
  name: "telemetry",
  async run({ options, trySpan }) {
    const { settings, warnings } = telemetrySettings(options.env);
    const odd = warnings.map((text) => warning(text, "correct it, or unset it; publishing is not affected"));
    if (!settings) return [...odd, note("off: no OTEL_* variable asks for it")];
    const { traces, metrics, sampler } = settings;
    const facts = { traces: placesOf(traces), metrics: placesOf(metrics) };
    const asked = `traces to ${listed(facts.traces)}, metrics to ${listed(facts.metrics)}`;
    const hosts = hostsOf(traces);
    if (hosts.length === 0) return [...odd, note(asked, facts)];
    if (sampler.ratio === 0) return [...odd, note(`${asked}; the sampler keeps no span`, facts)];
    const health = await trySpan?.();
    return [...odd, health ? judged(health, hosts, facts) : note(asked, facts)];
  },
};

function judged({ spansSent, problems }: TelemetryHealth, hosts: readonly string[], facts: Said["facts"]): Said {
  if (spansSent > 0 && problems.length === 0) return ok(`a span arrived at ${listed(hosts)}`, facts);
  const seen = problems[0]?.what ?? "nothing was heard in time";
  return warning(
    `no span arrived at ${listed(hosts)}: ${seen}`,
    "check OTEL_EXPORTER_OTLP_ENDPOINT and what goes with it; publishing is not affected",
    { ...facts, problems },
  );
}

/** No more than the host: paths and headers may hold secrets. */
function placesOf(exporters: readonly ExporterSettings[]): readonly string[] {
  return exporters.map((exporter) => (exporter.kind === "otlp" ? new URL(exporter.url).host : "stderr"));
}

function hostsOf(exporters: readonly ExporterSettings[]): readonly string[] {
  return placesOf(exporters.filter(({ kind }) => kind === "otlp"));
}

function listed(places: readonly string[]): string {
  return places.join(", ") || "nowhere";
}
