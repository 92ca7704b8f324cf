import { randomBytes } from "node:crypto";
import { lstat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
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

/** A name beside `path` that nobody else uses, for what is renamed into place. */
export function temporaryFor(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
}
