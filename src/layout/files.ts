import { constants } from "node:fs";
import type * as promises from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Bytes, CallOptions } from "../content/store.ts";
import { exactly } from "../content/verify.ts";
import { absent, codeOf, ioCall, unless } from "../disk/durable.ts";
import { blocksOf, openRegular } from "../disk/regular.ts";
import { WaybillError } from "../errors.ts";

/** The calls to the file system that a layout makes: a seam, so that tests can let each of them fail. */
export type Files = Pick<
  typeof promises,
  "access" | "open" | "rename" | "unlink" | "link" | "mkdir" | "stat" | "realpath" | "readdir" | "lstat"
>;

/**
 * Small files that are read, or written, at the same time: each takes a file descriptor, and an image may have more manifests than
 * a process may have files open.
 */
export const smallFilesAtOnce = 32;

type Handle = promises.FileHandle;

/** An open file that is a file. Whoever opened it disposes of it. */
export interface RegularFile extends AsyncDisposable {
  readonly path: string;
  readonly sizeBytes: number;
  /** Changes whenever another file takes its place. */
  readonly version: string;
  /** From `offset` to wherever it ends now. */
  read(offset: number, signal?: AbortSignal): Bytes;
}

// Linux and macOS say ELOOP to O_NOFOLLOW, FreeBSD EMLINK.
const isLink: readonly string[] = ["ELOOP", "EMLINK"];
const { O_RDONLY, O_NOFOLLOW } = constants;

/**
 * Opens `path`, whose last part is not a symbolic link. `undefined` where nothing is there.
 *
 * @throws WaybillError `invalid_layout` where it is a link, a folder, a FIFO or a device.
 */
export async function openPlain(files: Files, path: string): Promise<RegularFile | undefined> {
  return ioCall(`read "${path}"`, async () => {
    try {
      return await openAs(files, path, O_RDONLY | O_NOFOLLOW);
    } catch (error) {
      if (isLink.includes(codeOf(error) ?? "")) throw notRegular(path, "a symbolic link");
      throw error;
    }
  });
}

/** Opens what `path` leads to, through links. Otherwise as `openPlain`. */
export async function openLinked(files: Files, path: string): Promise<RegularFile | undefined> {
  return ioCall(`read "${path}"`, () => openAs(files, path, O_RDONLY));
}

async function openAs(files: Files, path: string, flags: number): Promise<RegularFile | undefined> {
  const opened = await unless(absent, async () => {
    const found = await openRegular(path, flags, files);
    if (found) return found;
    throw notRegular(path, "not a regular file");
  });
  if (!opened) return undefined;
  const { file, stat } = opened;
  return {
    path,
    sizeBytes: Number(stat.size),
    version: `${stat.dev}:${stat.ino}:${stat.mtimeNs}:${stat.size}`,
    read: (offset, signal) => blocksOf(file, path, { offset, signal }),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

function notRegular(path: string, what: string): WaybillError {
  return new WaybillError("invalid_layout", `Cannot read "${path}": it is ${what}`);
}

/** All of `file`. Consumes it. @throws WaybillError `too_large` before anything is read. */
export async function readWhole(
  file: RegularFile,
  maxBytes: number,
  { signal }: CallOptions = {},
): Promise<Uint8Array> {
  await using open = file;
  const { path, sizeBytes } = open;
  if (sizeBytes > maxBytes)
    throw new WaybillError("too_large", `Cannot read "${path}": ${sizeBytes} bytes are more than ${maxBytes}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of exactly(sizeBytes, open.read(0, signal))) chunks.push(chunk);
  return Buffer.concat(chunks, sizeBytes);
}

export interface WriteOptions {
  /** Part of the temporary file's name, which is made in the folder of `path`. */
  readonly mark: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
  /** Called when everything is on the disk, before it becomes visible. A throw takes it back. */
  readonly beforeCommit?: () => Promise<void>;
}

/** Makes `body` the content of `path` in one move: whoever reads sees all of it or what was there before. */
export async function replaceFile(files: Files, path: string, body: Bytes, options: WriteOptions): Promise<void> {
  await using temporary = await ioCall(`write "${path}"`, () => createTemporary(files, path, options.mark));
  for await (const chunk of body) {
    options.signal?.throwIfAborted();
    await ioCall(`write "${path}"`, () => writeAll(temporary.handle, chunk));
    options.onProgress?.(chunk.byteLength);
  }
  await ioCall(`write "${path}"`, () => temporary.handle.sync());
  await options.beforeCommit?.();
  await ioCall(`write "${path}"`, () => temporary.commit());
}

interface Temporary extends AsyncDisposable {
  readonly handle: Handle;
  commit(): Promise<void>;
}

async function createTemporary(files: Files, path: string, mark: string): Promise<Temporary> {
  const { handle, name } = await openNew(files, path, mark);
  let state: "open" | "closed" | "moved" = "open";
  const close = async (): Promise<void> => {
    if (state === "open") await handle.close();
    state = "closed";
  };
  return {
    handle,
    async commit() {
      await close();
      await files.rename(name, path);
      state = "moved";
    },
    async [Symbol.asyncDispose]() {
      if (state === "moved") return;
      // Its name is not one that anybody reads: what cannot be tidied up does no harm.
      await close().catch(() => undefined);
      await files.unlink(name).catch(() => undefined);
    },
  };
}

const maxNames = 10_000;

async function openNew(files: Files, path: string, mark: string): Promise<{ handle: Handle; name: string }> {
  for (let count = 1; ; count++) {
    const name = join(dirname(path), `.${basename(path)}.${mark}-${count}.tmp`);
    const errnos = count < maxNames ? ["EEXIST"] : [];
    const handle = await unless(errnos, () => files.open(name, "wx", 0o644));
    if (handle) return { handle, name };
  }
}

async function writeAll(handle: Handle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength;) {
    const { bytesWritten } = await handle.write(chunk, at, chunk.byteLength - at);
    at += bytesWritten;
  }
}
