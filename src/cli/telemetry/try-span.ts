import type { TelemetryHealth } from "../../telemetry/health.ts";
import type { Host } from "../host.ts";
import { runTelemetry } from "./run-telemetry.ts";

const mostMs = 5000;

/** Sends one span where the environment says, whatever the sampler would keep, and says how that went. */
export async function trySpan({ env, clock, version, program, log }: Host): Promise<TelemetryHealth> {
  const telemetry = runTelemetry({
    env: { ...env, OTEL_TRACES_SAMPLER: "always_on", OTEL_METRICS_EXPORTER: "none" },
    clock,
    version,
    program,
  });
  await telemetry.open({ command: "doctor telemetry", flushMs: mostMs, log, stderr: { write: () => true } });
  await telemetry.close(0, mostMs);
  return telemetry.health();
}
