import { constants, statSync, type Stats } from "node:fs";
import { open, readdir, rename, rm, stat, unlink, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { Bytes } from "../content/store.ts";
import { makeFolders } from "./folders.ts";
import { WaybillError } from "../errors.ts";

/** Folders and files are the owner's alone. */
const folderMode = 0o700;
export const fileMode = 0o600;
const readBytes = 256 * 1024;

/** The failure of a system call as ours. `what` completes "Cannot …". */
function ioError(cause: unknown, what: string): WaybillError {
  const code = codeOf(cause) ?? "unknown error";
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new WaybillError(isFull ? "disk_full" : "io_failed", `Cannot ${what}: ${code}`, {}, { cause });
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What `work` gives, with failures of system calls as `WaybillError`. */
export async function ioCall<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof WaybillError ? error : ioError(error, what);
  }
}

/** Makes the names in a folder survive a crash. Windows has no such call: its folders are journaled. */
export async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle;
  try {
    folder = await open(path, constants.O_RDONLY);
  } catch (error) {
    if (codeOf(error) === "EPERM" || codeOf(error) === "EISDIR" || codeOf(error) === "EACCES") return;
    throw error;
  }
  try {
    await folder.sync();
  } catch (error) {
    if (codeOf(error) !== "EPERM" && codeOf(error) !== "EINVAL") throw error;
  } finally {
    await folder.close();
  }
}

/** Makes a folder that survives a crash, and those above it. */
export async function makeFolder(path: string): Promise<void> {
  for (const made of await makeFolders(path, folderMode)) await syncFolder(dirname(made));
}

/**
 * Writes `bytes` to the new file `temporary` and gives it the name `path`; resolves when that survives a crash. Where it fails, nothing
 * is left beside `path`.
 */
export async function writeDurably(path: string, temporary: string, bytes: Uint8Array, mode = fileMode): Promise<void> {
  await writeSynced(temporary, bytes, mode);
  await orRemoved(temporary, () => rename(temporary, path));
  await syncFolder(dirname(path));
}

/** Writes a new file, or none. Its bytes survive a crash when this resolves; its name does so after `syncFolder`. */
export async function writeSynced(path: string, bytes: Uint8Array, mode = fileMode): Promise<void> {
  await using file = await open(path, "wx", mode);
  await orRemoved(path, async () => {
    await file.writeFile(bytes);
    await file.sync();
  });
}

/** Does `work` on the new file at `path`, which nobody is left with where that fails. */
async function orRemoved(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await removeFile(path).catch(() => undefined);
    throw error;
  }
}

export async function listFolder(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

/** Takes a file away; one that is not there is as good. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** The file's bytes from `start` up to `end`; the next block is read while the reader has the last one. */
export async function* readFrom(path: string, start: number, end: number): Bytes {
  if (start >= end) return;
  await using file = await open(path, "r");
  let next = readBlock(file, start, end);
  for (let at = start; at < end;) {
    const block = await next;
    at += block.byteLength;
    if (block.byteLength === 0)
      throw new WaybillError("io_failed", "Cannot read content: the file is shorter than it should be");
    if (at < end) next = readBlock(file, at, end);
    // A reader that leaves at the yield below must not leave a read behind on a closed file, nor its rejection.
    next.catch(() => undefined);
    try {
      yield block;
    } finally {
      await next.catch(() => undefined);
    }
  }
}

async function readBlock(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const length = Math.min(readBytes, end - start);
  const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, start);
  return buffer.subarray(0, bytesRead);
}

/** Takes a folder away with all that is in it; one that is not there is as good. */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/** Says that a file was changed at `at`, in milliseconds since the epoch; makes it, empty, where it is not there. */
export async function touchFile(path: string, at: number): Promise<void> {
  await using file = await open(path, "a", fileMode);
  await file.utimes(new Date(at), new Date(at));
}

/**
 * When a file or folder was changed last, in milliseconds since the epoch; `undefined` where it is not there. At once: for hundreds of
 * them, one after the other, other threads take ten times as long.
 */
export function changedAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

/** What the system says of a file or folder; `undefined` where it is not there. */
export async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
