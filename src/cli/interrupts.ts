import type { Clock } from "../async/clock.ts";
import { WaybillError } from "../errors.ts";
import { exitCodes } from "./exit-code.ts";

const codes = {
  SIGHUP: exitCodes.hungUp,
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
  docker: exitCodes.interrupted,
} as const;

export type Interruption = keyof typeof codes;

/** Turns what asks us to stop into one abort and, if we do not get done in time, into the end. */
export interface Interrupts {
  readonly signal: AbortSignal;
  /** The first time aborts `signal` and leaves 2 seconds for cleaning up; the second time ends the process at once. */
  interrupt(by: Interruption): void;
  /** The exit code of an interrupted run; `undefined` while nobody has interrupted it. */
  exitCode(): number | undefined;
}

export interface InterruptOptions {
  readonly clock: Clock;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

const graceMs = 2000;

export function createInterrupts(options: InterruptOptions): Interrupts {
  const { clock, exit } = options;
  const controller = new AbortController();
  let code: number | undefined;
  return {
    signal: controller.signal,
    exitCode: () => code,
    interrupt(by) {
      if (code !== undefined) {
        // docker closes its socket beside the signal that its terminal sent us: that is the same Ctrl-C. Of one terminal that is
        // closed we hear by the system and by the shell.
        if (by !== "docker" && by !== "SIGHUP") exit(code);
        return;
      }
      const ours = codes[by];
      code = ours;
      clock.after(graceMs, () => exit(ours));
      controller.abort(
        new WaybillError("cancelled", `Cancelled: ${by === "docker" ? "docker was told to stop" : `got ${by}`}`),
      );
    },
  };
}
