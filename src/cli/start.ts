import process from "node:process";
import { systemClock } from "../async/clock.ts";
import { WaybillError } from "../errors.ts";
import { systemLookup } from "../http/resolve.ts";
import type { Keep } from "./compiled.ts";
import { watchDocker } from "./docker-socket.ts";
import { countedLookup, endProcess } from "./end-process.ts";
import { exitCodeOf } from "./exit-code.ts";
import type { Published } from "./host.ts";
import { createInterrupts, type Interrupts } from "./interrupts.ts";
import { logAsked } from "./log/asked.ts";
import { openLog, type Log } from "./log/log.ts";
import { publishedAllTheSame } from "./outcome.ts";
import type { Invocation } from "./plugin.ts";
import { processHost } from "./process-host.ts";
import { runProgram } from "./program.ts";
import { isDiskFull } from "../disk/durable.ts";
import { reasonOf } from "./reason.ts";
import { runTelemetry } from "./telemetry/run-telemetry.ts";

/**
 * Runs a command as this process: its streams, its signals, its exit code. Does not return: the process ends. `keepCompiled` is
 * called before that, where something was published: what it has used by then is what publishes need.
 */
export async function start(invocation: Invocation, version: string, keepCompiled?: Keep): Promise<void> {
  const clock = systemClock();
  const { lookup, isAsking } = countedLookup(systemLookup);
  const { isPlugin } = invocation;
  const exit = (code: number) => endProcess(code, { mayWait: isAsking(), isPlugin });
  const interrupts = createInterrupts({ clock, exit: (code) => endProcess(code, { mayWait: true, isPlugin }) });
  let published: Published | undefined;
  const onPublished = (done: Published) => void (published = done);
  const host = { ...processHost({ version, isPlugin, signal: interrupts.signal }), lookup, onPublished };
  const telemetry = runTelemetry({ ...host, clock });
  const placeOf = (id?: string) => telemetry.placeOf(id);
  const log = openLog({ asked: logAsked(invocation.args), now: () => clock.now(), placeOf });
  listen({ interrupts, log, published: () => published, exit });
  const ended = await runProgram(invocation.args, { ...host, telemetry, log });
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  const interrupted = interrupts.exitCode();
  const code = interrupted !== undefined && ended !== 0 ? interrupted : ended;
  // The result is out: from here on nothing that happens changes it. Whoever presses Ctrl-C now wants the prompt.
  if (interrupted === undefined) interrupts.signal.addEventListener("abort", () => exit(code));
  await telemetry.close(code, interrupted === undefined ? Number.POSITIVE_INFINITY : mostAfterInterruptMs);
  await flushed(process.stderr);
  if (published) keepCompiled?.({ isWhole: published.hasSent });
  exit(code);
}

/** An interrupted run has little time left before it is ended. */
const mostAfterInterruptMs = 1000;

interface Listening {
  readonly interrupts: Interrupts;
  readonly log: Log;
  readonly published: () => Published | undefined;
  readonly exit: (code: number) => void;
}

function listen({ interrupts, log, published, exit }: Listening): void {
  // By default for a mistake of ours that nobody has caught.
  const fail = (error: unknown, code = exitCodeOf(undefined)) =>
    process.stderr.write(log.ofError(error, code), () => exit(code));
  process.on("SIGINT", () => interrupts.interrupt("SIGINT"));
  process.on("SIGTERM", () => interrupts.interrupt("SIGTERM"));
  process.on("SIGHUP", () => interrupts.interrupt("SIGHUP"));
  const dockerSocket = process.env["DOCKER_CLI_PLUGIN_SOCKET"];
  if (dockerSocket) watchDocker(dockerSocket, () => interrupts.interrupt("docker"));
  process.on("uncaughtException", (error) => fail(error));
  process.on("unhandledRejection", (reason) => fail(reason));
  // What waits for standard input would wait on, up to the end of the grace.
  process.stdin.on("error", () => undefined);
  interrupts.signal.addEventListener("abort", () => process.stdin.destroy(interrupts.signal.reason));
  // Whoever reads us may leave at any time: `waybill inspect … | head -1`. A terminal that was closed answers EIO.
  const isClosed = ({ code }: NodeJS.ErrnoException) =>
    code === "EPIPE" || code === "ERR_STREAM_DESTROYED" || code === "EOF" || (code === "EIO" && process.stdout.isTTY);
  process.stdout.on("error", (error) => {
    if (isClosed(error)) return;
    const failure = outputFailed(error, published());
    fail(failure, exitCodeOf(failure));
  });
  // What is told there is lost, and nobody could be told of it: no reason to stop publishing.
  process.stderr.on("error", () => undefined);
}

/** Results that cannot be delivered, such as to a full disk, are no mistake of ours. */
function outputFailed(error: NodeJS.ErrnoException, published: Published | undefined): WaybillError {
  const message = `Cannot write to standard output: ${reasonOf(error)}`;
  const failure = new WaybillError(isDiskFull(error) ? "disk_full" : "io_failed", message, {}, { cause: error });
  return published ? publishedAllTheSame(failure, published.result, shownAgain) : failure;
}

const shownAgain = "nothing needs to be published again; the same command again moves no tag and shows the result";

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) return resolve();
    stream.write("", () => resolve());
  });
}
