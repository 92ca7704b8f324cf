import { systemClock, type Clock } from "../../src/async/clock.ts";
import { runProgram } from "../../src/cli/program.ts";
import { logFor } from "./log.ts";
import { stateHome } from "./state-home.ts";

/** What one run of the command line came to. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in order. */
  readonly output: string;
}

export interface RanOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** The account's, where `env` names none; default: there is no such folder. */
  readonly homeDirectory?: string;
  /** Whether stdout and stderr are terminals. */
  readonly isTTY?: boolean;
  /** Aborting it interrupts the run. */
  readonly signal?: AbortSignal;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** Runs the command line in this process, with outputs that are kept and no configuration but what `env` names. */
export async function runInProcess(args: readonly string[], options: RanOptions = {}): Promise<Ran> {
  const { env = {}, input = "", homeDirectory = "/nonexistent", isTTY = false } = options;
  const { signal = new AbortController().signal, clock = systemClock() } = options;
  const written: { readonly to: "stdout" | "stderr"; readonly text: string }[] = [];
  const output = (to: "stdout" | "stderr") => ({
    write: (text: string | Uint8Array) => void written.push({ to, text: Buffer.from(text).toString("utf8") }),
    isTTY,
    columns: 300,
    rows: 50,
    on: () => undefined,
    off: () => undefined,
  });
  const code = await runProgram(args, {
    env: { HOME: "/nonexistent", XDG_STATE_HOME: stateHome(), ...env },
    platform: "linux",
    homeDirectory,
    program: "/nonexistent/waybill",
    version: "0.0.0",
    nodeVersion: process.versions.node,
    isPlugin: false,
    stdin: Object.assign(one(input), { isTTY }),
    stdout: output("stdout"),
    stderr: output("stderr"),
    clock,
    random: () => 0,
    signal,
    log: logFor(args),
  });
  const of = (to?: string) =>
    written
      .filter((part) => to === undefined || part.to === to)
      .map(({ text }) => text)
      .join("");
  return { code, stdout: of("stdout"), stderr: of("stderr"), output: of() };
}

async function* one(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
