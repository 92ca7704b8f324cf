import process from "node:process";
import { systemClock } from "../async/clock.ts";
import { exitCodeOf } from "./exit-code.ts";
import { failureText } from "./failure.ts";
import { createInterrupts, watchDocker, type Interrupts } from "./interrupts.ts";
import type { Invocation } from "./plugin.ts";
import { processHost } from "./process-host.ts";
import { runProgram } from "./program.ts";
import { runTelemetry } from "./telemetry/run-telemetry.ts";

/** Runs a command as this process: its streams, its signals, its exit code. Does not return: the process ends. */
export async function start(invocation: Invocation, version: string): Promise<void> {
  const clock = systemClock();
  const interrupts = createInterrupts({ clock, exit: (code) => process.exit(code) });
  listen(interrupts);
  const host = processHost({ version, isPlugin: invocation.isPlugin, signal: interrupts.signal });
  const telemetry = runTelemetry({ ...host, clock });
  const ended = await runProgram(invocation.args, { ...host, telemetry });
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  const interrupted = interrupts.exitCode();
  const code = interrupted !== undefined && ended !== 0 ? interrupted : ended;
  // The result is out: from here on nothing that happens changes it. Whoever presses Ctrl-C now wants the prompt.
  if (interrupted === undefined) interrupts.signal.addEventListener("abort", () => process.exit(code));
  await telemetry.close(code, interrupted === undefined ? Number.POSITIVE_INFINITY : mostAfterInterruptMs);
  await flushed(process.stderr);
  process.exit(code);
}

/** An interrupted run has little time left before it is ended. */
const mostAfterInterruptMs = 1000;

function listen(interrupts: Interrupts): void {
  process.on("SIGINT", () => interrupts.interrupt("SIGINT"));
  process.on("SIGTERM", () => interrupts.interrupt("SIGTERM"));
  const dockerSocket = process.env["DOCKER_CLI_PLUGIN_SOCKET"];
  if (dockerSocket) watchDocker(dockerSocket, () => interrupts.interrupt("docker"));
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  // Whoever reads us may leave at any time: `waybill inspect … | head -1`.
  process.stdout.on("error", ignoreClosed);
  process.stderr.on("error", ignoreClosed);
}

function fail(error: unknown): void {
  process.stderr.write(failureText(error, { debug: true }), () => process.exit(exitCodeOf(undefined)));
}

function ignoreClosed(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED" && error.code !== "EOF") fail(error);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) return resolve();
    stream.write("", () => resolve());
  });
}
