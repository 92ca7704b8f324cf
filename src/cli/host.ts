import type { Clock, Random } from "../async/clock.ts";
import type { Lookup } from "../http/resolve.ts";
import type { CreateResult } from "../verbs/create.ts";
import type { Log } from "./log/log.ts";
import type { RunTelemetry } from "./telemetry/run-telemetry.ts";

/** Where text goes: a terminal, a pipe or a file. */
export interface Output {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** Tells of a terminal's new size, which `columns` and `rows` have by then. */
  on?(event: "resize", listener: () => void): unknown;
  off?(event: "resize", listener: () => void): unknown;
}

/** Where text comes from. */
export interface Input extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean;
  /** Whether a terminal hands over each key at once, shows none, and makes no signal of Ctrl-C. */
  setRawMode?(isRaw: boolean): unknown;
}

/** What a publish came to, which may have found that nothing had to be sent. */
export interface Published {
  readonly result: CreateResult;
  readonly hasSent: boolean;
}

/** What a command sees of the outside world. Made once, in `start.ts`; handed in everywhere else. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly homeDirectory: string;
  /** Absolute path of the running program, links resolved. */
  readonly program: string;
  readonly version: string;
  /** Of Node, without a `v`. */
  readonly nodeVersion: string;
  /** True when docker started us as a plugin of its own. */
  readonly isPlugin: boolean;
  readonly stdin: Input;
  /** Results only. */
  readonly stdout: Output;
  readonly stderr: Output;
  readonly clock: Clock;
  readonly random: Random;
  /** The command that runs, such as `create`. */
  readonly command?: string;
  /** What is told on `stderr` beside progress, and in which form. */
  readonly log: Log;
  /** Looks registries' names up; default the system does. */
  readonly lookup?: Lookup;
  /** Where telemetry goes; absent where there is none. */
  readonly telemetry?: RunTelemetry;
  /** Called at the end of a publish, before its outcome is told. */
  readonly onPublished?: (published: Published) => void;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Aborted when the command has ended, for what would go on waiting; set by `runProgram`. */
  readonly ended?: AbortSignal;
}
