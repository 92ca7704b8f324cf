import { constants, type BigIntStats } from "node:fs";
import * as promises from "node:fs/promises";
import type { CallOptions } from "../content/store.ts";
import { fileMode, ioCall } from "./durable.ts";

/** A file that is open. Whoever opened it closes it. */
export interface OpenFile {
  readonly file: promises.FileHandle;
  readonly stat: BigIntStats;
}

// A FIFO must not hold us, a terminal must not become ours. Windows has neither flag: there they count as 0.
const careful = constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * Opens the file `path`.
 *
 * @returns `undefined` where it is a folder, a FIFO or a device: nobody waits for a writer. @throws what the system says.
 */
export async function openRegular(
  path: string,
  flags: number,
  { open }: Pick<typeof promises, "open"> = promises,
): Promise<OpenFile | undefined> {
  const file = await open(path, flags | careful, fileMode);
  const stat = await file.stat({ bigint: true });
  if (stat.isFile()) return { file, stat };
  await file.close();
  return undefined;
}

const blockBytes = 256 * 1024;

export interface BlocksOptions extends CallOptions {
  /** Default 0. */
  readonly offset?: number;
}

/**
 * The bytes of `file`, which was opened as `path`, from an offset to wherever it ends now. It stays open, which it would not where
 * somebody leaves the loop over a read stream.
 *
 * @throws WaybillError `io_failed`
 */
export async function* blocksOf(
  file: promises.FileHandle,
  path: string,
  { offset = 0, signal }: BlocksOptions = {},
): AsyncGenerator<Buffer> {
  for (let at = offset; ;) {
    signal?.throwIfAborted();
    const block = Buffer.allocUnsafeSlow(blockBytes);
    const { bytesRead } = await ioCall(`read "${path}"`, () => file.read(block, 0, blockBytes, at));
    if (bytesRead === 0) return;
    at += bytesRead;
    yield block.subarray(0, bytesRead);
  }
}
