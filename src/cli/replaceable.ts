import { randomBytes } from "node:crypto";
import { lstat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { removeFile, writeDurably } from "../disk/durable.ts";
import { WaybillError } from "../errors.ts";

/**
 * Refuses to write `path` where something lies that is no file of its own. What is written whole is renamed into place, and
 * a rename would put a file where the device, pipe or link was: `/dev/stdout` would be gone for the whole machine.
 *
 * @param what names the file in the message, such as `report`.
 * @throws WaybillError `io_failed`
 */
export async function requireReplaceable(what: string, path: string): Promise<void> {
  // What cannot be looked at fails when it is written, with its own reason.
  const present = await lstat(path).catch(() => undefined);
  if (present === undefined || present.isFile()) return;
  const kind = present.isDirectory() ? "a folder" : present.isSymbolicLink() ? "a symbolic link" : "no regular file";
  throw new WaybillError("io_failed", `Cannot write ${what} "${path}": it is ${kind}`);
}

/** About what the shortest report takes. */
const leastBytes = 4096;

/**
 * The same where a file could not be put there, or the disk has no room for a short one: better known before anything is published
 * than after. Leaves nothing behind.
 *
 * @throws what the system says, too.
 */
export async function requireWritable(what: string, path: string): Promise<void> {
  await requireReplaceable(what, path);
  const trial = temporaryFor(path);
  await writeDurably(trial, temporaryFor(trial), Buffer.alloc(leastBytes), 0o644);
  await removeFile(trial);
}

/** A name beside `path` that nobody else uses, for what is renamed into place. */
export function temporaryFor(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
}
