import { WaybillError } from "../errors.ts";

/** Where one byte stands is told as `0-0`, which is what some registries answer for none at all: such pieces go nowhere. */
const leastBytes = 2;

/** @throws WaybillError `invalid_argument` for what is no size of chunks; no size at all is one. */
export function requireChunkSize(chunkSizeBytes = leastBytes): void {
  if (Number.isSafeInteger(chunkSizeBytes) && chunkSizeBytes >= leastBytes) return;
  const message = `Cannot send chunks of ${chunkSizeBytes} bytes: chunkSizeBytes is a whole number from ${leastBytes} on`;
  throw new WaybillError("invalid_argument", message);
}
