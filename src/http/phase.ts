import type { Clock } from "../async/clock.ts";
import { onAbort } from "../async/on-abort.ts";
import type { Marks } from "../telemetry/marks.ts";
import { DeadlineExpired } from "./deadlines.ts";

/** The caller's signal aborted: an attempt ends as `cancelled`. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

export interface PhaseLimits {
  readonly clock: Clock;
  readonly delayMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Where the beginning and the end are noted. */
  readonly marks?: Marks | undefined;
}

/** Begins something and returns how to undo it; calls its arguments as often as it likes, and the first call counts. */
export type Begin<T> = (done: (value: T) => void, fail: (error: Error) => void) => () => void;

/**
 * Waits for one phase of connecting. When it ends in any way but success, what was begun is undone.
 *
 * @throws DeadlineExpired, Cancelled, or what the phase failed with.
 */
export function phase<T>(which: "dns" | "connect" | "tls", limits: PhaseLimits, begin: Begin<T>): Promise<T> {
  const { clock, delayMs, signal, marks } = limits;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new Cancelled());
    marks?.add(which);
    let undo: () => void = () => undefined;
    let isOver = false;
    // Sockets go on telling us how they fare: only the first end is the phase's.
    const leave = () => {
      if (isOver) return false;
      isOver = true;
      cancelTimer();
      stay();
      marks?.add(`${which}-done`);
      return true;
    };
    const fail = (error: Error) => {
      if (!leave()) return;
      undo();
      reject(error);
    };
    const cancelTimer = clock.after(delayMs, () => fail(new DeadlineExpired(which, delayMs)));
    const stay = onAbort(signal, () => fail(new Cancelled()));
    undo = begin((value) => {
      if (leave()) resolve(value);
    }, fail);
  });
}
