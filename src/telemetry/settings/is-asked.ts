import type { Environment } from "./variables.ts";

/** Whether any variable is set that can switch telemetry on. What it means is found out when it is. */
export function isAsked(env: Environment): boolean {
  const names = /^OTEL_(?:(?:TRACES|METRICS)_EXPORTER|EXPORTER_OTLP_(?:(?:TRACES|METRICS)_)?ENDPOINT)$/;
  return Object.entries(env).some(([name, value]) => names.test(name) && value?.trim());
}
