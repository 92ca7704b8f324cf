import { WaybillError } from "../errors.ts";
import type { Bytes } from "./store.ts";

/** All of `body` in one piece. @throws WaybillError `too_large` beyond `maxBytes`. */
export async function collect(body: Bytes, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let seen = 0;
  for await (const chunk of body) {
    seen += chunk.byteLength;
    if (seen > maxBytes) throw new WaybillError("too_large", `Cannot read body: it is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return joined(chunks, seen);
}

/** `chunks`, which have `sizeBytes` together, in one piece; a single one is not copied. */
export function joined(chunks: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks, sizeBytes);
}
