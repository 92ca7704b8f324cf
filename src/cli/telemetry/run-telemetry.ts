import { dirname, join } from "node:path";
import type { Clock } from "../../async/clock.ts";
import { display } from "../../spec/display.ts";
import { healthy, type TelemetryHealth } from "../../telemetry/health.ts";
import type { Environment } from "../../telemetry/settings/variables.ts";
import type { Output } from "../host.ts";
import type { Telemetry } from "./telemetry.ts";

export interface RunTelemetryOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly version: string;
  /** Path of the running program: the exporting thread's lies beside it. */
  readonly program: string;
  readonly stderr: Output;
}

/** Telemetry of this process's one run: opened when a command first needs it, closed when the command's result is out. */
export interface RunTelemetry {
  /** `undefined` where the environment asks for nothing and `isWanted` is not given: then nothing is loaded. */
  open(options: OpenOptions): Promise<Telemetry | undefined>;
  /** What the command failed with. */
  failed(error: unknown): void;
  health(): TelemetryHealth;
  /**
   * Sends what is left and says in one line on stderr what went wrong with telemetry, if anything. Takes no longer than the
   * flush time that the command was given, or than `mostMs`. Never rejects.
   */
  close(exitCode: number, mostMs: number): Promise<void>;
}

export interface OpenOptions {
  readonly command: string;
  /** Default 2,000. */
  readonly flushMs?: number | undefined;
  readonly isWanted?: boolean;
}

const defaultFlushMs = 2000;

/** Loads nothing yet. */
export function runTelemetry(options: RunTelemetryOptions): RunTelemetry {
  const { env, program, stderr } = options;
  let opened: Promise<Telemetry> | undefined;
  let telemetry: Telemetry | undefined;
  let flushMs = defaultFlushMs;
  let failure: unknown;

  async function load(command: string): Promise<Telemetry> {
    const [{ openTelemetry }, { startThread }] = await Promise.all([import("./telemetry.ts"), import("./thread.ts")]);
    const file = join(dirname(program), "telemetry", "worker.js");
    telemetry = openTelemetry({
      ...options,
      command,
      start: (order, events) => startThread(file, order, events),
      onLine: (text) => void stderr.write(`${display(text)}\n`),
    });
    return telemetry;
  }

  return {
    async open({ command, flushMs: asked, isWanted = false }) {
      if (!isWanted && !isAsked(env)) return undefined;
      if (asked !== undefined) flushMs = asked;
      opened ??= load(command);
      return opened;
    },
    failed: (error) => void (failure = error),
    health: () => telemetry?.health() ?? healthy,
    async close(exitCode, mostMs) {
      if (!telemetry) return;
      const end = { outcome: `exit ${exitCode}`, ...(failure !== undefined && { failure }) };
      const line = await telemetry.end(end, Math.min(flushMs, mostMs));
      if (line !== undefined) stderr.write(`${display(line)}\n`);
    },
  };
}

/** Whether any variable is set that can switch telemetry on. What it means is found out when it is. */
function isAsked(env: Environment): boolean {
  const names = /^OTEL_(?:(?:TRACES|METRICS)_EXPORTER|EXPORTER_OTLP_(?:(?:TRACES|METRICS)_)?ENDPOINT)$/;
  return Object.entries(env).some(([name, value]) => names.test(name) && value?.trim());
}
