import { closeSync } from "node:fs";
import process from "node:process";
import { isatty } from "node:tty";
import type { Lookup, ResolvedAddress } from "../http/resolve.ts";
import { exitCodes } from "./exit-code.ts";

/** A lookup that can tell whether it is asking at the moment. */
export interface CountedLookup {
  readonly lookup: Lookup;
  readonly isAsking: () => boolean;
}

export function countedLookup(lookup: Lookup): CountedLookup {
  let asking = 0;
  return {
    isAsking: () => asking > 0,
    async lookup(hostname): Promise<readonly ResolvedAddress[]> {
      asking++;
      try {
        return await lookup(hostname);
      } finally {
        asking--;
      }
    },
  };
}

export interface Ending {
  /** A thread of the system may be at work that nothing can stop: names are being looked up, or something has not ended in time. */
  readonly mayWait: boolean;
  /** docker tells its caller what a plugin exits with, and cannot tell of one that a signal has ended. */
  readonly isPlugin: boolean;
}

const signals: Readonly<Record<number, NodeJS.Signals>> = {
  [exitCodes.hungUp]: "SIGHUP",
  [exitCodes.interrupted]: "SIGINT",
  [exitCodes.terminated]: "SIGTERM",
};

/** The signal to go by in place of an exit with `code`; see `endProcess`. */
export function farewellSignal(code: number, { mayWait, isPlugin }: Ending): NodeJS.Signals | undefined {
  return (mayWait && !isPlugin) || code === exitCodes.hungUp ? signals[code] : undefined;
}

/**
 * Ends this process with `code`. The system looks names up and reads files in threads that nothing can stop, and a process that
 * exits waits for them: for 10 s and more where no name server answers, without end where nobody writes to a named pipe. A signal's
 * own end does not wait: whoever was interrupted then goes by the signal, which shells report as the same code. So does whoever has
 * lost the terminal: Node's own exit wants to set that right, and aborts where it cannot.
 */
export function endProcess(code: number, ending: Ending): void {
  const signal = farewellSignal(code, ending);
  if (signal === undefined) {
    leaveLostTerminals();
    process.exit(code);
  }
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** Whoever was done when the terminal went keeps the exit code: what is closed, Node does not want to set right. */
function leaveLostTerminals(): void {
  const streams = [process.stdin, process.stdout, process.stderr];
  for (const [fd, { isTTY }] of streams.entries()) if (isTTY && !isatty(fd)) closeSync(fd);
}
