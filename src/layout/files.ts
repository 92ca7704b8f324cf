import { constants } from "node:fs";
import type * as promises from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Bytes, CallOptions } from "../content/store.ts";
import { exactly } from "../content/verify.ts";
import { WaybillError, type ErrorCode } from "../errors.ts";

/** The calls to the file system that a layout makes: a seam, so that tests can let each of them fail. */
export type Files = Pick<
  typeof promises,
  "access" | "open" | "rename" | "unlink" | "link" | "mkdir" | "stat" | "realpath"
>;

type Handle = promises.FileHandle;

/** An open file that is a file. Whoever opened it disposes of it. */
export interface RegularFile extends AsyncDisposable {
  readonly path: string;
  readonly sizeBytes: number;
  /** Changes whenever another file takes its place. */
  readonly version: string;
  readonly modifiedAt: number;
  /** From `offset` to wherever it ends now. */
  read(offset: number, signal?: AbortSignal): Bytes;
}

/** Gives errors of the operating system a code, and the path that they are about. Other errors stay as they are. */
export async function guarded<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, `${what} "${path}"`);
  }
}

const codes: Readonly<Record<string, ErrorCode>> = { ENOSPC: "disk_full", EDQUOT: "disk_full" };

function fileError(error: unknown, what: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const code = Object.hasOwn(codes, errno) ? (codes[errno] ?? "io_failed") : "io_failed";
  const seen = code === "disk_full" ? `no space left (${errno})` : errno;
  return new WaybillError(code, `Cannot ${what}: ${seen}`, {}, { cause: error });
}

/** `ENOENT` and the like; `undefined` for errors that are not the operating system's. */
function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof WaybillError) return undefined;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  return typeof code === "string" && typeof syscall === "string" ? code : undefined;
}

/** The result of `work`; `undefined` where it fails with one of `errnos`. */
export async function unless<T>(errnos: readonly string[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (errnos.includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

export const absent: readonly string[] = ["ENOENT", "ENOTDIR"];
// Linux and macOS say ELOOP to O_NOFOLLOW, FreeBSD EMLINK.
const isLink: readonly string[] = ["ELOOP", "EMLINK"];
// A FIFO must not hold us, a terminal must not become ours. Windows has none of the flags: there they count as 0.
const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW, O_NOCTTY } = constants;
const careful = O_RDONLY | O_NONBLOCK | O_NOCTTY;

/**
 * Opens `path`, whose last part is not a symbolic link. `undefined` where nothing is there.
 *
 * @throws WaybillError `invalid_layout` where it is a link, a folder, a FIFO or a device.
 */
export async function openPlain(files: Files, path: string): Promise<RegularFile | undefined> {
  return guarded("read", path, async () => {
    try {
      return await openAs(files, path, careful | O_NOFOLLOW);
    } catch (error) {
      if (isLink.includes(errnoOf(error) ?? "")) throw notRegular(path, "a symbolic link");
      throw error;
    }
  });
}

/** Opens what `path` leads to, through links. Otherwise as `openPlain`. */
export async function openLinked(files: Files, path: string): Promise<RegularFile | undefined> {
  return guarded("read", path, () => openAs(files, path, careful));
}

async function openAs(files: Files, path: string, flags: number): Promise<RegularFile | undefined> {
  const handle = await unless(absent, () => files.open(path, flags));
  if (!handle) return undefined;
  const stat = await handle.stat({ bigint: true });
  if (!stat.isFile()) {
    await handle.close();
    throw notRegular(path, "not a regular file");
  }
  return {
    path,
    sizeBytes: Number(stat.size),
    version: `${stat.dev}:${stat.ino}:${stat.mtimeNs}:${stat.size}`,
    modifiedAt: Number(stat.mtimeMs),
    read: (offset, signal) => readFrom(handle, offset, { path, ...(signal && { signal }) }),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

function notRegular(path: string, what: string): WaybillError {
  return new WaybillError("invalid_layout", `Cannot read "${path}": it is ${what}`);
}

const readBytes = 256 * 1024;

async function* readFrom(handle: Handle, offset: number, options: { path: string; signal?: AbortSignal }): Bytes {
  for (let at = offset; ;) {
    options.signal?.throwIfAborted();
    const chunk = Buffer.allocUnsafeSlow(readBytes);
    const { bytesRead } = await guarded("read", options.path, () => handle.read(chunk, 0, readBytes, at));
    if (bytesRead === 0) return;
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
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
  await using temporary = await guarded("write", path, () => createTemporary(files, path, options.mark));
  for await (const chunk of body) {
    options.signal?.throwIfAborted();
    await guarded("write", path, () => writeAll(temporary.handle, chunk));
    options.onProgress?.(chunk.byteLength);
  }
  await guarded("write", path, () => temporary.handle.sync());
  await options.beforeCommit?.();
  await guarded("write", path, () => temporary.commit());
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

/** Makes renames in `folder` survive a power failure, where the system can do that for folders. */
export async function syncFolder(files: Files, folder: string): Promise<void> {
  await guarded("write", folder, () =>
    unless(["EISDIR", "EPERM", "EINVAL", "EACCES", "ENOTSUP", ...absent], async () => {
      await using handle = await files.open(folder, O_RDONLY);
      await handle.sync();
    }),
  );
}
