import { connect } from "node:net";
import type { Clock } from "../async/clock.ts";
import { WaybillError } from "../errors.ts";
import { exitCodes } from "./exit-code.ts";

export type Interruption = "SIGINT" | "SIGTERM" | "docker";

/** Turns what asks us to stop into one abort and, if we do not get done in time, into the end. */
export interface Interrupts {
  readonly signal: AbortSignal;
  /** The first time aborts `signal` and grants `graceMs`; the second time ends the process at once. */
  interrupt(by: Interruption): void;
  /** The exit code of an interrupted run; `undefined` while nobody has interrupted it. */
  exitCode(): number | undefined;
}

export interface InterruptOptions {
  readonly clock: Clock;
  /** Ends the process. */
  readonly exit: (code: number) => void;
  /** How long the first interruption leaves for cleaning up; default 2,000. */
  readonly graceMs?: number;
}

export function createInterrupts(options: InterruptOptions): Interrupts {
  const { clock, exit, graceMs = 2000 } = options;
  const controller = new AbortController();
  let code: number | undefined;
  return {
    signal: controller.signal,
    exitCode: () => code,
    interrupt(by) {
      if (code !== undefined) {
        // docker closes its socket beside the signal that its terminal sent us: that is the same Ctrl-C.
        if (by !== "docker") exit(code);
        return;
      }
      const ours = by === "SIGTERM" ? exitCodes.terminated : exitCodes.interrupted;
      code = ours;
      clock.after(graceMs, () => exit(ours));
      controller.abort(
        new WaybillError("cancelled", `Cancelled: ${by === "docker" ? "docker was told to stop" : `got ${by}`}`),
      );
    },
  };
}

/**
 * Watches the socket that docker holds open for its plugins: it closes when docker is told to stop, which is all a plugin
 * hears of it where there is no terminal. `address` is a path, or an abstract socket written `@name`. Never keeps the
 * process alive; a socket that cannot be reached is none.
 *
 * @returns what ends the watch.
 */
export function watchDocker(address: string, onClose: () => void): () => void {
  let connected = false;
  const socket = connect({ path: address.startsWith("@") ? `\0${address.slice(1)}` : address });
  socket.unref();
  socket.on("connect", () => (connected = true));
  socket.on("error", () => undefined);
  socket.on("end", () => socket.destroy());
  socket.on("close", () => connected && onClose());
  socket.resume();
  return () => {
    connected = false;
    socket.destroy();
  };
}
