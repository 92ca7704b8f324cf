import { createReadStream } from "node:fs";
import { WaybillError } from "../errors.ts";
import type { Host } from "./host.ts";
import { reasonOf } from "./reason.ts";

export interface ReadOptions {
  /** Default 32 MiB, as much as a metadata file with its provenance may have. */
  readonly maxBytes?: number;
  /** What is not there where the path leads nowhere; default `file`. */
  readonly missing?: string;
}

/**
 * All of the file at a path, or of standard input; `what` completes "Cannot read …". No more than `maxBytes` are read: a
 * device such as `/dev/zero` never ends.
 *
 * @throws WaybillError `io_failed` where it cannot be read, or is longer.
 */
export async function readWhole(
  from: string | Host["stdin"],
  what: string,
  options: ReadOptions = {},
): Promise<Buffer> {
  const { maxBytes = 32 * 1024 * 1024, missing = "file" } = options;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of typeof from === "string" ? createReadStream(from) : from) {
      chunks.push(Buffer.from(chunk as Uint8Array));
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes)
        throw new WaybillError("io_failed", `Cannot read ${what}: it is longer than ${maxBytes} bytes`);
    }
  } catch (error) {
    if (error instanceof WaybillError) throw error;
    throw new WaybillError("io_failed", `Cannot read ${what}: ${reasonOf(error, { missing })}`, {}, { cause: error });
  }
  return Buffer.concat(chunks, sizeBytes);
}
