import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import * as promises from "node:fs/promises";
import { codeOf, unless } from "./durable.ts";
import { openRegular } from "./regular.ts";

/** The calls to the file system that a lock file takes. */
export type LockFiles = Pick<typeof promises, "open" | "unlink" | "link">;

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
 * A stale one is removed only by who has the lock beside it, `path.stale`, and has looked again since; that one is taken over in the
 * same way where its holder has died. So of any number that meet, one at most has the lock. Where the file system knows no links, a new
 * file has no name in it for a moment, and may be taken for what a crash has left: there whoever can should ask `isHeld` before what it
 * does shows.
 *
 * @returns `undefined` where another has it. @throws what the system says.
 */
export async function tryLockFile(path: string, options: LockFileOptions): Promise<LockFile | undefined> {
  const { name, files = promises } = options;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const seen = await look(path, files);
    if (seen && !(await takeAway(path, seen, options))) return undefined;
    if (!(await create(path, options))) continue;
    const lock = heldLock(path, name, files);
    if (await lock.isHeld()) return lock;
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

/** Makes the file, with the name in it at once, unless there is one. */
async function create(path: string, options: LockFileOptions): Promise<boolean> {
  const { files = promises } = options;
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  if (!(await write(draft, options))) return false;
  try {
    await files.link(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    // Not every file system knows links.
    return await write(path, options);
  } finally {
    await files.unlink(draft).catch(() => undefined);
  }
}

async function write(path: string, { name, mode = 0o600, files = promises }: LockFileOptions): Promise<boolean> {
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

/** Removes a lock file whose holder is gone, unless another does: false then. */
async function takeAway(path: string, seen: SeenLock, options: LockFileOptions): Promise<boolean> {
  const { isStale, files = promises } = options;
  if (!isStale(seen)) return false;
  await using alone = await tryLockFile(`${path}.stale`, options);
  if (!alone) return false;
  const now = await look(path, files);
  if (now?.text !== seen.text || now.modifiedAt !== seen.modifiedAt) return now === undefined;
  await unless(["ENOENT"], () => files.unlink(path));
  return true;
}
