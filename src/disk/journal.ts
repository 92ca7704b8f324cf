import { constants } from "node:fs";
import { open, rename, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { WaybillError } from "../errors.ts";
import { fileMode, ioCall, removeFile, syncFolder, writeDurably } from "./durable.ts";
import { blocksOf, openRegular } from "./regular.ts";

const headline = "waybill-journal 1\n";
const { O_RDONLY, O_RDWR, O_CREAT } = constants;

interface Waiting {
  readonly line: string;
  readonly isDurable: boolean;
  readonly apply: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A file of entries, one JSON value a line with its checksum before it. Entries that are written while another write is under way
 * share the next one and its fsync.
 */
export class Journal implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #folder: string;
  /** 0 until the first entry, which brings the headline along. */
  #sizeBytes: number;
  #queue: Waiting[] = [];
  #writing: Promise<void> | undefined;

  private constructor(file: FileHandle, path: string, sizeBytes: number) {
    this.#file = file;
    this.#folder = dirname(path);
    this.#sizeBytes = sizeBytes;
  }

  /**
   * Opens the journal at `path`, making an empty one where there is none, and hands each entry to `replay` in order. The tail that a
   * crash left half-written is cut off; what is cut off is kept beside it as `<path>.damaged`.
   */
  static async open(path: string, replay: (entry: unknown) => void): Promise<Journal> {
    const file = await openJournal(path, O_RDWR | O_CREAT);
    try {
      const { soundBytes, wholeBytes } = await replayLines(file, path, replay);
      if (soundBytes < wholeBytes) await cutOff(file, { soundBytes, wholeBytes }, path);
      return new Journal(file, path, soundBytes);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Hands the sound entries of the journal at `path` to `replay` and changes nothing; somebody may be writing to it.
   *
   * @throws WaybillError `io_failed` where there is none.
   */
  static async read(path: string, replay: (entry: unknown) => void): Promise<void> {
    await ioCall(`read "${path}"`, async () => {
      await using file = await openJournal(path, O_RDONLY);
      await replayLines(file, path, replay);
    });
  }

  /** Replaces the journal at `path` by one that holds `entries`; a crash leaves the old one or the new one. It must not be open. */
  static async rewrite(path: string, entries: Iterable<unknown>): Promise<void> {
    const lines = [headline];
    for (const entry of entries) lines.push(lineOf(entry));
    const temporary = `${path}.new`;
    await removeFile(temporary);
    await writeDurably(path, temporary, Buffer.from(lines.join("")));
  }

  /**
   * Adds `entry`. Calls `apply` when it survives a crash, before any entry that was added later, and resolves after that.
   *
   * @throws WaybillError `disk_full` `io_failed`; the entry is not in the journal then, and `apply` is not called.
   */
  append(entry: unknown, apply: () => void = () => undefined): Promise<void> {
    return this.#add({ line: lineOf(entry), isDurable: true, apply });
  }

  /**
   * Adds `entry` without waiting for the disk: it survives this process at once, and a failure of power with the next entry
   * that is appended.
   *
   * @throws WaybillError `disk_full` `io_failed`; the entry is not in the journal then.
   */
  note(entry: unknown): Promise<void> {
    return this.#add({ line: lineOf(entry), isDurable: false, apply: () => undefined });
  }

  #add(entry: Pick<Waiting, "line" | "isDurable" | "apply">): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...entry, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#file.close().catch(() => undefined);
  }

  async #writeAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      await this.#write(batch);
    }
    this.#writing = undefined;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const isFirst = this.#sizeBytes === 0;
    const bytes = Buffer.from((isFirst ? headline : "") + batch.map(({ line }) => line).join(""));
    try {
      const isDurable = batch.some((waiting) => waiting.isDurable);
      await ioCall("record change", () => this.#writeAtEnd(bytes));
      if (isDurable) await ioCall("record change", () => this.#sync(isFirst));
    } catch (error) {
      await this.#file.truncate(this.#sizeBytes).catch(() => undefined);
      for (const { reject } of batch) reject(error);
      return;
    }
    this.#sizeBytes += bytes.byteLength;
    for (const { apply } of batch) apply();
    for (const { resolve } of batch) resolve();
  }

  async #writeAtEnd(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.byteLength;) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.byteLength - done, this.#sizeBytes + done);
      done += bytesWritten;
    }
  }

  /** Before the first entry there was nothing to keep: the file's name is made to survive with it. */
  async #sync(isFirst: boolean): Promise<void> {
    await Promise.all([this.#file.datasync(), isFirst && syncFolder(this.#folder)]);
  }
}

/** @throws WaybillError `io_failed` for a folder, a FIFO or a device. */
async function openJournal(path: string, flags: number): Promise<FileHandle> {
  const opened = await openRegular(path, flags);
  if (opened) return opened.file;
  throw new WaybillError("io_failed", `Cannot read "${path}": it is not a regular file`);
}

function lineOf(entry: unknown): string {
  return `${lineOfText(JSON.stringify(entry))}\n`;
}

interface Lengths {
  readonly soundBytes: number;
  readonly wholeBytes: number;
}

/**
 * How long the file is, and its sound beginning, which is nothing where a crash has left a part of the first write.
 *
 * @throws WaybillError `io_failed` where the file is no journal at all.
 */
async function replayLines(file: FileHandle, path: string, replay: (entry: unknown) => void): Promise<Lengths> {
  let sound = 0;
  // The beginning of a line that goes on in the next block. It is put together once: one line may be most of the file.
  let begun: Buffer[] = [];
  for await (const chunk of blocksOf(file, path)) {
    let at = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
      const bytes = Buffer.concat([...begun, chunk.subarray(at, end)]);
      const line = bytes.toString();
      if (sound === 0 && `${line}\n` !== headline) throw notAJournal(path);
      if (sound > 0 && !replayLine(line, replay)) return { soundBytes: sound, wholeBytes: (await file.stat()).size };
      sound += bytes.byteLength + 1;
      begun = [];
      at = end + 1;
    }
    begun.push(chunk.subarray(at));
    if (sound === 0 && !headline.startsWith(Buffer.concat(begun).toString())) throw notAJournal(path);
  }
  return { soundBytes: sound, wholeBytes: sound + Buffer.concat(begun).byteLength };
}

function notAJournal(path: string): WaybillError {
  return new WaybillError("io_failed", `Cannot read "${path}": it is not a journal, or one of a newer version`);
}

function replayLine(line: string, replay: (entry: unknown) => void): boolean {
  const text = line.slice(9);
  if (line !== lineOfText(text)) return false;
  replay(JSON.parse(text) as unknown);
  return true;
}

function lineOfText(text: string): string {
  return `${crc32(text).toString(16).padStart(8, "0")} ${text}`;
}

async function cutOff(file: FileHandle, { soundBytes, wholeBytes }: Lengths, path: string): Promise<void> {
  const tail = Buffer.alloc(wholeBytes - soundBytes);
  await file.read(tail, 0, tail.byteLength, soundBytes);
  await using kept = await open(`${path}.damaged.new`, "w", fileMode);
  await kept.writeFile(tail);
  await kept.sync();
  await rename(`${path}.damaged.new`, `${path}.damaged`);
  await file.truncate(soundBytes);
  await file.sync();
}
