import { dirname, join } from "node:path";
import type { Clock } from "../../async/clock.ts";
import { display } from "../../spec/display.ts";
import { healthy, type TelemetryHealth } from "../../telemetry/health.ts";
import { isAsked } from "../../telemetry/settings/is-asked.ts";
import { hearsTraceContext } from "../../telemetry/settings/propagators.ts";
import type { Environment } from "../../telemetry/settings/variables.ts";
import { commandTask } from "../../telemetry/task.ts";
import { remoteParent, spanIdOf, type RemoteParent } from "../../telemetry/trace-context.ts";
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
  return new ProcessTelemetry(options);
}

class ProcessTelemetry implements RunTelemetry {
  readonly #options: RunTelemetryOptions;
  /** The span that the run was started in. */
  readonly #outer: RemoteParent | undefined;
  readonly #lastActs: ((health: TelemetryHealth) => Promise<void>)[] = [];
  #opened: Promise<Telemetry> | undefined;
  #telemetry: Telemetry | undefined;
  #tell: (line: string) => void = () => undefined;
  #flushMs = defaultFlushMs;
  #isPropagated = false;
  #failure: unknown;

  constructor(options: RunTelemetryOptions) {
    this.#options = options;
    this.#outer = hearsTraceContext(options.env) ? remoteParent(options.env) : undefined;
  }

  async open(asked: OpenOptions): Promise<Telemetry | undefined> {
    const { isWanted = false, stderr, log } = asked;
    if (!isWanted && !isAsked(this.#options.env)) return undefined;
    this.#flushMs = asked.flushMs ?? this.#flushMs;
    this.#tell = (line) => void stderr.write(degradedLine(line, log));
    this.#isPropagated ||= isWanted;
    this.#opened ??= this.#load(asked);
    return this.#opened;
  }

  async #load({ command, stderr, log }: OpenOptions): Promise<Telemetry> {
    const [{ openTelemetry }, { startThread }] = await Promise.all([import("./telemetry.ts"), import("./thread.ts")]);
    const file = join(dirname(this.#options.program), "telemetry", "worker.js");
    this.#telemetry = openTelemetry({
      ...this.#options,
      command,
      start: (order, events) => startThread(file, order, events),
      onLine: (text) => void stderr.write(`${display(text)}\n`),
      onDetail: (text) => void stderr.write(log.always({ level: "debug", message: `telemetry: ${text}` })),
    });
    return this.#telemetry;
  }

  placeOf(id: string = commandTask): TracePlace | undefined {
    const isTraced = this.#isPropagated || this.#telemetry?.isTraced === true;
    if (!this.#telemetry || !isTraced) return this.#outer;
    const { identity } = this.#telemetry;
    return { traceId: identity.traceId, spanId: spanIdOf(identity, id) };
  }

  failed(error: unknown): void {
    this.#failure = error;
  }

  health(): TelemetryHealth {
    return this.#telemetry?.health() ?? healthy;
  }

  whenClosed(act: (health: TelemetryHealth) => Promise<void>): void {
    this.#lastActs.push(act);
  }

  async close(exitCode: number, mostMs: number): Promise<void> {
    const telemetry = this.#telemetry;
    if (!telemetry) return;
    const end = { outcome: `exit ${exitCode}`, failure: this.#failure };
    const line = await telemetry.end(end, Math.min(this.#flushMs, mostMs));
    if (line !== undefined) this.#tell(line);
    if (!telemetry.isOn) return;
    const health = telemetry.health();
    await Promise.allSettled(this.#lastActs.map((act) => act(health)));
  }
}

function degradedLine(line: string, log: Log): string {
  if (log.format === "json") return log.of({ level: "warn", message: line }) ?? "";
  return log.wants("warn") ? `${display(line)}\n` : "";
}
