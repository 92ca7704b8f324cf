import { createReadStream } from "node:fs";
import { collect } from "../content/collect.ts";
import type { Bytes } from "../content/store.ts";
import { hasCode, WaybillError } from "../errors.ts";
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
  try {
    const bytes = await collect(inBytes(typeof from === "string" ? createReadStream(from) : from), maxBytes);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    const isTooLong = hasCode(error, "too_large");
    if (error instanceof WaybillError && !isTooLong) throw error;
    const seen = isTooLong ? `it is longer than ${maxBytes} bytes` : reasonOf(error, { missing });
    throw new WaybillError("io_failed", `Cannot read ${what}: ${seen}`, {}, { cause: error });
  }
}

async function* inBytes(chunks: Host["stdin"]): Bytes {
  for await (const chunk of chunks) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}
