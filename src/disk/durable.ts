import { constants, statSync, type Stats } from "node:fs";
import { open, readdir, rename, rm, stat, unlink, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { Bytes } from "../content/store.ts";
import { makeFolders } from "./folders.ts";
import { WaybillError } from "../errors.ts";

/** Folders are the owner's alone. */
const folderMode = 0o700;
/** Files are the owner's alone too. */
export const fileMode = 0o600;
const readBytes = 256 * 1024;

/** The code of a system call's failure, such as `ENOENT`; `undefined` for an error that has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What `work` gives, with failures of system calls as `WaybillError`: `what` completes "Cannot …". Other errors stay as they are. */
export async function ioCall<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ioError(error, what);
  }
}

function ioError(error: unknown, what: string): unknown {
  const code = codeOf(error);
  if (code === undefined || !(error instanceof Error && "syscall" in error)) return error;
  const words = refusals[code];
  const seen = words === undefined ? code : `${words} (${code})`;
  return new WaybillError(
    isDiskFull(error) ? "disk_full" : "io_failed",
    `Cannot ${what}: ${seen}`,
    {},
    { cause: error },
  );
}

/** Why the system refused, in words, by its code. */
export const refusals: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be larger than is allowed here",
  EISDIR: "it is a folder",
  ELOOP: "its symbolic links lead in a circle",
  EMFILE: "too many files are open",
  ENAMETOOLONG: "its name is too long",
  ENFILE: "too many files are open on this machine",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of its path is no folder",
  EROFS: "the file system is read-only",
};

/** Whether room is what is missing: told apart, because making some is the way on. */
export function isDiskFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

/** What the system says of a place where nothing is. */
export const absent: readonly string[] = ["ENOENT", "ENOTDIR"];

/** What `work` gives; `undefined` where it fails with one of `codes`. */
export async function unless<T>(codes: readonly string[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (codes.includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
}

const cannotSync: readonly string[] = ["EACCES", "EINVAL", "EISDIR", "ENOTSUP", "EPERM", ...absent];

/** Makes the names in a folder survive a crash, where the system can do that. Windows cannot: its folders are journaled. */
export async function syncFolder(path: string, files: { readonly open: typeof open } = { open }): Promise<void> {
  const sync = async () => {
    await using folder = await files.open(path, constants.O_RDONLY);
    await folder.sync();
  };
  await ioCall(`write "${path}"`, () => unless(cannotSync, sync));
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

/** The names in a folder, in no order; none where it is not there. */
export async function listFolder(path: string): Promise<readonly string[]> {
  return (await unless(absent, () => readdir(path))) ?? [];
}

/** Takes a file away; one that is not there is as good. */
export async function removeFile(path: string): Promise<void> {
  await unless(["ENOENT"], () => unlink(path));
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
  return unless(absent, () => stat(path));
}
