import { constants, openSync } from "node:fs";
import { WaybillError } from "../../errors.ts";

/**
 * All that comes out of a FIFO until its writers have left; waits for the first of them. None of Node's threads for files does the
 * waiting: one that is stuck would keep the process from ending.
 *
 * @throws WaybillError `too_large`
 */
export async function readPipe(path: string, maxBytes: number): Promise<Uint8Array> {
  const { Socket } = await import("node:net");
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const pipe: AsyncIterable<Uint8Array> = new Socket({ fd, readable: true, writable: false });
  const chunks: Uint8Array[] = [];
  let seen = 0;
  for await (const chunk of pipe) {
    chunks.push(chunk);
    seen += chunk.byteLength;
    if (seen > maxBytes) throw tooLarge(path, seen, maxBytes);
  }
  return Buffer.concat(chunks);
}

export function tooLarge(path: string, sizeBytes: number, maxBytes: number): WaybillError {
  return new WaybillError("too_large", `Cannot read "${path}": ${sizeBytes} bytes are more than ${maxBytes}`);
}
