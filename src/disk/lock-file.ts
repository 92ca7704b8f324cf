import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import * as promises from "node:fs/promises";
import { unless } from "./durable.ts";
import { openRegular } from "./regular.ts";

/** The calls to the file system that a lock file takes. */
export type LockFiles = Pick<typeof promises, "open" | "rename" | "unlink" | "link">;

/** What a lock file looked like. */
export interface SeenLock {
  /** Its holder's name; what another program or a crash has left may have none. */
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

export interface LockFileOptions {
  /** Written into the file: tells this holder from every other one. */
  readonly name: string;
  /** Whether nobody holds the lock that was seen any more, so that it may be taken over. */
  readonly isStale: (seen: SeenLock) => boolean;
  /** The file's mode; default the owner's alone. */
  readonly mode?: number;
  /** Default: the machine's. */
  readonly files?: LockFiles;
}

/** A lock file that is ours. Disposing of it takes it away, if it still is, and never rejects. */
export interface LockFile extends AsyncDisposable {
  /** False where somebody took it away. */
  isHeld(): Promise<boolean>;
}

const attempts = 3;

/**
 * Makes the file `path`, which locks something as long as it is there; takes over a stale one. Waits for nobody.
 *
 * Nothing is removed that was not looked at after it had been moved out of everybody's way: another process may have taken over
 * meanwhile, and the file be its lock. It gets that back. A third process that comes just between those two moves has the lock as
 * well: whoever can should ask `isHeld` before what it does shows.
 *
 * @returns `undefined` where another has it. @throws what the system says.
 */
export async function tryLockFile(path: string, options: LockFileOptions): Promise<LockFile | undefined> {
  const { name, files = promises } = options;
  let isMade = false;
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await create(path, options)) isMade = true;
    // As long as it had no name in it, it may have been taken for what a crash has left.
    const seen = await look(path, files);
    if (isMade && seen?.text === name) return heldLock(path, name, files);
    if (seen && !(await takeAway(path, seen, options))) return undefined;
  }
  return undefined;
}

function heldLock(path: string, name: string, files: LockFiles): LockFile {
  const isHeld = async () => (await look(path, files))?.text === name;
  return {
    isHeld,
    async [Symbol.asyncDispose]() {
      if (await isHeld().catch(() => false)) await files.unlink(path).catch(() => undefined);
    },
  };
}

/** Makes the file, unless there is one. */
async function create(path: string, { name, mode = 0o600, files = promises }: LockFileOptions): Promise<boolean> {
  const file = await unless(["EEXIST"], () => files.open(path, "wx", mode));
  if (!file) return false;
  await using open = file;
  try {
    await open.writeFile(name);
    return true;
  } catch (error) {
    await files.unlink(path).catch(() => undefined);
    throw error;
  }
}

const maxBytes = 4096;
// Linux and macOS say ELOOP of a link, FreeBSD EMLINK.
const noFile: readonly string[] = ["ENOENT", "ELOOP", "EMLINK"];

/** What lies at `path`; `undefined` where nothing is there, or nothing that could be a lock file. */
export async function look(path: string, files: LockFiles = promises): Promise<SeenLock | undefined> {
  const opened = await unless(noFile, () => openRegular(path, constants.O_RDONLY | constants.O_NOFOLLOW, files));
  if (!opened) return undefined;
  await using file = opened.file;
  if (opened.stat.size > maxBytes) return undefined;
  return { text: await file.readFile("utf8"), modifiedAt: Number(opened.stat.mtimeMs) };
}

/** Removes a lock file whose holder is gone. It is moved aside first, so that of two who try only one succeeds. */
async function takeAway(
  path: string,
  seen: SeenLock,
  { isStale, files = promises }: LockFileOptions,
): Promise<boolean> {
  if (!isStale(seen)) return false;
  const aside = `${path}.${randomBytes(6).toString("hex")}.stale`;
  const isMoved = await unless(["ENOENT"], async () => (await files.rename(path, aside), true));
  if (!isMoved) return true;
  const taken = await look(aside, files);
  const isTheSame = taken?.text === seen.text && taken.modifiedAt === seen.modifiedAt;
  // Somebody else was quicker and this is already their lock: give it back.
  if (!isTheSame) await files.link(aside, path).catch(() => undefined);
  await files.unlink(aside).catch(() => undefined);
  return isTheSame;
}
