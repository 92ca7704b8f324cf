import { createHash, type Hash } from "node:crypto";
import { open, readFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import type { Bytes } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { algorithmOf, digestFrom, type Digest } from "../spec/digest.ts";
import { fileMode, ioCall, listFolder, readFrom, removeFile, writeDurably } from "../disk/durable.ts";
import { FileWriter } from "./file-writer.ts";
import type { Draft, DraftInfo } from "./storage.ts";

const recordSchema = v.object({
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  repository: v.string(),
  principal: v.string(),
  startedAt: v.number(),
  algorithm: v.picklist(["sha256", "sha512"]),
  sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
});

/**
 * An upload in a file. The file appears with the first byte; a record beside it, written by `sync`, says whose it is and how many of
 * its bytes are sure to be there after a crash.
 */
export class DiskDraft implements Draft {
  readonly info: DraftInfo;
  readonly #folder: string;
  #sizeBytes = 0;
  /** Of the first `sizeBytes` bytes; `undefined` where only a reading of the file can tell. */
  #hash: Hash | undefined;
  #file: FileHandle | undefined;
  #isRecorded = false;
  #isDiscarded = false;
  #syncing: Promise<void> = Promise.resolve();

  constructor(folder: string, info: DraftInfo) {
    this.#folder = folder;
    this.info = info;
    this.#hash = createHash(info.algorithm);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async append(body: Bytes): Promise<void> {
    const start = this.#sizeBytes;
    const file = await ioCall("keep upload", () => this.#open());
    const writer = new FileWriter(file, start);
    try {
      this.#requireKept();
      for await (const chunk of body) {
        this.#hash?.update(chunk);
        await writer.write(chunk);
      }
    } finally {
      await this.#settle(writer, start);
    }
  }

  /** However the body ended: keeps what came, or nothing of it where the disk failed. */
  async #settle(writer: FileWriter, start: number): Promise<void> {
    try {
      this.#sizeBytes = await writer.end();
    } catch (error) {
      this.#hash = undefined;
      await this.#file?.truncate(start).catch(() => undefined);
      throw error;
    }
  }

  sync(): Promise<void> {
    const mine = this.#syncing.then(() => this.#syncNow());
    this.#syncing = mine.catch(() => undefined);
    return mine;
  }

  async #syncNow(): Promise<void> {
    if (!this.#file) return;
    await ioCall("keep upload", async () => {
      await this.#close();
      const record = Buffer.from(JSON.stringify({ ...this.info, sizeBytes: this.#sizeBytes }));
      await removeFile(`${this.#recordPath}.new`);
      await writeDurably(this.#recordPath, `${this.#recordPath}.new`, record);
      this.#isRecorded = true;
    });
  }

  async discard(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#hash = undefined;
    this.#sizeBytes = 0;
    this.#isDiscarded = true;
    await file?.close().catch(() => undefined);
    await removeFile(this.path).catch(() => undefined);
    await this.forgetRecord();
  }

  /** The digest of what is there, by the algorithm of `like`. The hash is used up: only `seal` or `discard` may follow. */
  async digest(like: Digest): Promise<Digest> {
    const algorithm = algorithmOf(like);
    const running = algorithm === this.info.algorithm ? this.#hash : undefined;
    this.#hash = undefined;
    if (running) return digestFrom(running, algorithm);
    const hash = createHash(algorithm);
    for await (const chunk of readFrom(this.path, 0, this.#sizeBytes)) hash.update(chunk);
    return digestFrom(hash, algorithm);
  }

  /** Makes the file whole and durable under its own name, ready to be renamed. */
  async seal(): Promise<void> {
    await this.#open();
    await this.#close();
  }

  async forgetRecord(): Promise<void> {
    if (this.#isRecorded) await removeFile(this.#recordPath).catch(() => undefined);
  }

  get path(): string {
    return join(this.#folder, this.info.id);
  }

  get #recordPath(): string {
    return `${this.path}.json`;
  }

  /** A discard may have passed by while the file was being opened. */
  #requireKept(): void {
    if (this.#isDiscarded) throw new WaybillError("io_failed", "Cannot keep upload: it was cancelled");
  }

  async #open(): Promise<FileHandle> {
    // Append mode is not used: a failed write is cut off and its place written again.
    this.#file ??= await open(this.path, this.#isRecorded || this.#sizeBytes > 0 ? "r+" : "w+", fileMode);
    return this.#file;
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    try {
      await file?.sync();
    } finally {
      await file?.close();
    }
  }

  /** The draft that a record tells of, with the bytes that are sure to be there; `undefined` where the record or its bytes are no good. */
  static async restore(folder: string, recordText: string): Promise<DiskDraft | undefined> {
    const result = v.safeParse(v.pipe(v.string(), v.parseJson(), recordSchema), recordText);
    if (!result.success) return undefined;
    const { sizeBytes, ...info } = result.output;
    const draft = new DiskDraft(folder, info);
    draft.#hash = undefined;
    draft.#isRecorded = true;
    draft.#sizeBytes = sizeBytes;
    return (await truncate(draft.path, sizeBytes)) ? draft : undefined;
  }
}

async function truncate(path: string, sizeBytes: number): Promise<boolean> {
  try {
    await using file = await open(path, "r+");
    if ((await file.stat()).size < sizeBytes) return false;
    await file.truncate(sizeBytes);
    return true;
  } catch {
    return false;
  }
}

/** Drafts that a former process left in `folder`. Everything else there is removed. */
export async function restoreDrafts(folder: string): Promise<readonly DiskDraft[]> {
  const drafts: DiskDraft[] = [];
  const kept = new Set<string>();
  const names = await listFolder(folder);
  for (const name of names.filter((one) => one.endsWith(".json"))) {
    const draft = await DiskDraft.restore(folder, await readFile(join(folder, name), "utf8"));
    if (!draft || `${draft.info.id}.json` !== name) continue;
    drafts.push(draft);
    kept.add(name).add(draft.info.id);
  }
  for (const name of names) if (!kept.has(name)) await removeFile(join(folder, name));
  return drafts;
}
