import { dirname, join } from "node:path";
import type { Clock } from "../../async/clock.ts";
import { display } from "../../spec/display.ts";
import { healthy, type TelemetryHealth } from "../../telemetry/health.ts";
import { hearsTraceContext } from "../../telemetry/settings/propagators.ts";
import type { Environment } from "../../telemetry/settings/variables.ts";
import { commandTask } from "../../telemetry/task.ts";
import { remoteParent, spanIdOf } from "../../telemetry/trace-context.ts";
import type { Output } from "../host.ts";
import type { Log, TracePlace } from "../log/log.ts";
import type { Telemetry } from "./telemetry.ts";

export interface RunTelemetryOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly version: string;
  /** Path of the running program: the exporting thread's lies beside it. */
  readonly program: string;
}

/** Telemetry of this process's one run: opened when a command first needs it, closed when the command's result is out. */
export interface RunTelemetry {
  /** `undefined` where the environment asks for nothing and `isWanted` is not given: then nothing is loaded. */
  open(options: OpenOptions): Promise<Telemetry | undefined>;
  /**
   * Where a task or an attempt of the run stands in its trace, by its id; without one, the run itself. Without telemetry, the span
   * that the run was started in, where the environment names it; `undefined` where there is no trace.
   */
  placeOf(id?: string): TracePlace | undefined;
  /** What the command failed with. */
  failed(error: unknown): void;
  health(): TelemetryHealth;
  /** `act` is called when everything is sent, or given up, where anything was to be sent at all. */
  whenClosed(act: (health: TelemetryHealth) => Promise<void>): void;
  /**
   * Sends what is left and says in one line on stderr what went wrong with telemetry, if anything. Takes no longer than the
   * flush time that the command was given, or than `mostMs`. Never rejects.
   */
  close(exitCode: number, mostMs: number): Promise<void>;
}

export interface OpenOptions {
  readonly command: string;
  /** For lines of the console exporter, and for what telemetry has to say of itself. */
  readonly stderr: Output;
  readonly log: Log;
  /** Default 2,000. */
  readonly flushMs?: number | undefined;
  readonly isWanted?: boolean;
}

const defaultFlushMs = 2000;

/** Loads nothing yet. */
export function runTelemetry(options: RunTelemetryOptions): RunTelemetry {
  const { env, program } = options;
  let opened: Promise<Telemetry> | undefined;
  let telemetry: Telemetry | undefined;
  let tell: (line: string) => void = () => undefined;
  let flushMs = defaultFlushMs;
  let failure: unknown;
  let isTraced = false;
  const lastActs: ((health: TelemetryHealth) => Promise<void>)[] = [];
  const outer = hearsTraceContext(env) ? remoteParent(env) : undefined;

  async function load({ command, stderr, log }: OpenOptions): Promise<Telemetry> {
    const [{ openTelemetry }, { startThread }] = await Promise.all([import("./telemetry.ts"), import("./thread.ts")]);
    const file = join(dirname(program), "telemetry", "worker.js");
    telemetry = openTelemetry({
      ...options,
      command,
      start: (order, events) => startThread(file, order, events),
      onLine: (text) => void stderr.write(`${display(text)}\n`),
      onDetail: (text) => void stderr.write(log.always({ level: "debug", message: `telemetry: ${text}` })),
    });
    return telemetry;
  }

  return {
    async open(asked) {
      const { isWanted = false, stderr, log } = asked;
      if (!isWanted && !isAsked(env)) return undefined;
      flushMs = asked.flushMs ?? flushMs;
      tell = (line) => void stderr.write(degradedLine(line, log));
      isTraced ||= isWanted;
      opened ??= load(asked);
      return opened;
    },
    placeOf(id) {
      if (!telemetry || !(isTraced || telemetry.isTraced))
        return outer && { traceId: outer.traceId, spanId: outer.spanId };
      const { identity } = telemetry;
      return { traceId: identity.traceId, spanId: spanIdOf(identity, id ?? commandTask) };
    },
    whenClosed: (act) => void lastActs.push(act),
    failed: (error) => void (failure = error),
    health: () => telemetry?.health() ?? healthy,
    async close(exitCode, mostMs) {
      if (!telemetry) return;
      const end = { outcome: `exit ${exitCode}`, ...(failure !== undefined && { failure }) };
      const line = await telemetry.end(end, Math.min(flushMs, mostMs));
      if (line !== undefined) tell(line);
      if (!telemetry.isOn) return;
      const health = telemetry.health();
      await Promise.allSettled(lastActs.map((act) => act(health)));
    },
  };
}

function degradedLine(line: string, log: Log): string {
  if (log.format === "json") return log.of({ level: "warn", message: line }) ?? "";
  return log.wants("warn") ? `${display(line)}\n` : "";
}

/** Whether any variable is set that can switch telemetry on. What it means is found out when it is. */
function isAsked(env: Environment): boolean {
  const names = /^OTEL_(?:(?:TRACES|METRICS)_EXPORTER|EXPORTER_OTLP_(?:(?:TRACES|METRICS)_)?ENDPOINT)$/;
  return Object.entries(env).some(([name, value]) => names.test(name) && value?.trim());
}
