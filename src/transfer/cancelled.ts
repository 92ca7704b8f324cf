import { hasCode, messageOf, WaybillError } from "../errors.ts";

/** `error`; as `cancelled` where it is what `signal` was aborted with, which may be anything. */
export function asCancelled(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!signal?.aborted || error !== signal.reason || error instanceof WaybillError) return error;
  return new WaybillError("cancelled", `Cannot go on: ${messageOf(error)}`, {}, { cause: error });
}

/**
 * Whether somebody has stopped the run. Whoever calls the library may abort for any reason; ours say what they are, such as the run's
 * own time that is over, which is no interruption.
 */
export function isInterrupted(run: AbortSignal | undefined): boolean {
  return hasCode(asCancelled(run?.reason, run), "cancelled");
}

/** The state of a run that has ended and is not complete. */
export function failedState(run: AbortSignal | undefined): "interrupted" | "failed" {
  return isInterrupted(run) ? "interrupted" : "failed";
}
