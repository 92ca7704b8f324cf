import { messageOf, WaybillError } from "../errors.ts";

/** `error`; as `cancelled` where it is what `signal` was aborted with, which may be anything. */
export function asCancelled(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!signal?.aborted || error !== signal.reason || error instanceof WaybillError) return error;
  return new WaybillError("cancelled", `Cannot go on: ${messageOf(error)}`, {}, { cause: error });
}
