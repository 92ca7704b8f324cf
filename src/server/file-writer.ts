import type { FileHandle } from "node:fs/promises";
import { ioCall } from "../disk/durable.ts";

const blockBytes = 256 * 1024;

/**
 * Writes small chunks to a file in large blocks, one of them while the next one fills. Chunks are copied: whoever hands them over may
 * use their memory again. The file is not synced and not closed.
 */
export class FileWriter {
  readonly #file: FileHandle;
  #position: number;
  #filling: Buffer | undefined;
  #filled = 0;
  #spare: Buffer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** Takes `chunk`. @throws WaybillError `disk_full` `io_failed`, perhaps about an earlier one */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength;) {
      const block = (this.#filling ??= Buffer.allocUnsafeSlow(blockBytes));
      const taken = Math.min(chunk.byteLength - at, blockBytes - this.#filled);
      block.set(chunk.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === blockBytes) await this.#turn();
    }
  }

  /** Resolves with the position after the last byte, when everything has reached the file. */
  async end(): Promise<number> {
    if (this.#filled > 0) await this.#turn();
    await this.#writing;
    return this.#position;
  }

  /** Waits for the block before, then starts to write this one. */
  async #turn(): Promise<void> {
    const [block, length, position] = [this.#filling, this.#filled, this.#position];
    await this.#writing;
    if (!block) return;
    this.#filling = this.#spare;
    this.#spare = block;
    this.#filled = 0;
    this.#position += length;
    this.#writing = ioCall("keep upload", () => writeAll(this.#file, block.subarray(0, length), position));
    // Whoever waits for it next hears of a failure; until then nobody does.
    this.#writing.catch(() => undefined);
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}
