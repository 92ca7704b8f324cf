import { randomBytes } from "node:crypto";
import { lstat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { changedAt, listFolder, removeFile, writeDurably } from "../disk/durable.ts";
import { isAlive } from "../disk/process-name.ts";
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
 * than after. Leaves nothing behind, nor what killed processes have left half-written beside it.
 *
 * @throws what the system says, too.
 */
export async function requireWritable(what: string, path: string): Promise<void> {
  await requireReplaceable(what, path);
  const trial = temporaryFor(path);
  await writeDurably(trial, temporaryFor(path), Buffer.alloc(leastBytes), 0o644);
  const now = changedAt(trial);
  await removeFile(trial);
  // What cannot be tidied up does no harm.
  if (now !== undefined) await removeLeftovers(path, now).catch(() => undefined);
}

/** A name beside `path` that nobody else uses, for what is renamed into place. */
export function temporaryFor(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`);
}

const temporaryEnd = /^(\d+)-[0-9a-f]{12}\.tmp$/;

/** What is written so is there for moments: after so long nobody is at it any more, on whatever machine. */
const abandonedAfterMs = 24 * 60 * 60 * 1000;

/** Removes what `temporaryFor` has named for `path` and nobody has moved there. `now`: by the clock of the file system. */
async function removeLeftovers(path: string, now: number): Promise<void> {
  const start = `.${basename(path)}.`;
  for (const name of await listFolder(dirname(path))) {
    const pid = name.startsWith(start) ? temporaryEnd.exec(name.slice(start.length))?.[1] : undefined;
    if (pid === undefined || isAtWork(Number(pid))) continue;
    const leftover = join(dirname(path), name);
    if (now - (changedAt(leftover) ?? now) > abandonedAfterMs) await removeFile(leftover);
  }
}

/** In a container each process may have our number. */
function isAtWork(pid: number): boolean {
  return pid !== process.pid && isAlive(pid);
}
