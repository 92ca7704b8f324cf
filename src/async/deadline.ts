import { WaybillError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import { Controller, follow } from "./on-abort.ts";

export interface DeadlineOptions {
  readonly signal?: AbortSignal;
  /** What is being waited for, as it reads after "Cannot finish "; default "in time". */
  readonly what?: string;
}

/**
 * Runs `work` and aborts its signal when it has not ended after `delayMs`. Waits for `work` to end in any case. `work` may `shorten`
 * the time that it has left.
 *
 * @throws WaybillError `timeout` when the deadline ended it; else whatever `work` or the caller's signal throws.
 */
export async function withDeadline<T>(
  clock: Clock,
  delayMs: number,
  work: (signal: AbortSignal, shorten: (delayMs: number) => void) => Promise<T>,
  options: DeadlineOptions = {},
): Promise<T> {
  const controller = new Controller();
  const unlink = follow(options.signal, controller);
  let expired: WaybillError | undefined;
  const start = (limitMs: number) =>
    clock.after(limitMs, () => {
      expired = timeoutError(limitMs, options.what);
      controller.abort(expired);
    });
  let cancel = start(delayMs);
  let endsAt = clock.now() + delayMs;
  const shorten = (limitMs: number) => {
    if (clock.now() + limitMs >= endsAt) return;
    endsAt = clock.now() + limitMs;
    cancel();
    cancel = start(limitMs);
  };
  try {
    return await work(controller.signal, shorten);
  } catch (error) {
    throw expired ?? error;
  } finally {
    cancel();
    unlink();
  }
}

function timeoutError(delayMs: number, what = "in time"): WaybillError {
  return new WaybillError("timeout", `Cannot finish ${what}: nothing came for ${delayMs / 1000} s`);
}
