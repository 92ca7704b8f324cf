import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { look, tryLockFile, type LockFile, type SeenLock } from "./lock-file.ts";

/** The process that has a folder open. */
export interface FolderOwner {
  /** Tells this process from every other one, past ones too where the system allows it: a process number comes again. */
  readonly name: string;
  /** Whether the process of that name still runs. */
  readonly isRunning: (name: string) => boolean;
  /** The user that it runs for; absent where users have no numbers, as on Windows. */
  readonly user?: number;
}

/** What this process has locked, by place and owner: its own name in a file is a crash's only where it is not among these. */
const held = new Set<string>();

/**
 * Locks `folder` by the file `lock` in it, which holds the owner's name. What a process left that runs no more is taken over.
 *
 * @returns what unlocks it; `undefined` where another process has the folder, or this one already.
 */
export async function lockFolder(folder: string, owner: FolderOwner): Promise<(() => Promise<void>) | undefined> {
  const path = join(folder, "lock");
  const place = `${await realpath(folder)} ${owner.name}`;
  if (held.has(place)) return undefined;
  held.add(place);
  try {
    const lock = await tryLockFile(path, { name: owner.name, isStale: (seen) => isLeft(seen, owner) });
    if (!lock) held.delete(place);
    return lock && (() => unlocked(lock, place));
  } catch (error) {
    held.delete(place);
    throw error;
  }
}

async function unlocked(lock: LockFile, place: string): Promise<void> {
  await lock[Symbol.asyncDispose]();
  held.delete(place);
}

/** Whether another process than the owner has `folder` locked, at this moment. Changes nothing. */
export async function isLocked(folder: string, owner: FolderOwner): Promise<boolean> {
  const seen = await look(join(folder, "lock"));
  return seen !== undefined && !isLeft(seen, owner);
}

function isLeft({ text }: SeenLock, { name, isRunning }: FolderOwner): boolean {
  return text === "" || text === name || !isRunning(text);
}
