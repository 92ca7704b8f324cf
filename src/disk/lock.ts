import { join } from "node:path";
import { look, tryLockFile, type SeenLock } from "./lock-file.ts";

/** The process that has a folder open. */
export interface FolderOwner {
  /** Tells this process from every other one, past ones too where the system allows it: a process number comes again. */
  readonly name: string;
  /** Whether the process of that name still runs. */
  readonly isRunning: (name: string) => boolean;
  /** The user that it runs for; absent where users have no numbers, as on Windows. */
  readonly user?: number;
}

/**
 * Locks `folder` by the file `lock` in it, which holds the owner's name. What a process left that runs no more is taken over.
 *
 * @returns what unlocks it; `undefined` where another process has the folder.
 */
export async function lockFolder(folder: string, owner: FolderOwner): Promise<(() => Promise<void>) | undefined> {
  const isStale = (seen: SeenLock) => isLeft(seen, owner);
  const lock = await tryLockFile(join(folder, "lock"), { name: owner.name, isStale });
  return lock && (async () => lock[Symbol.asyncDispose]());
}

/** Whether another process than the owner has `folder` locked, at this moment. Changes nothing. */
export async function isLocked(folder: string, owner: FolderOwner): Promise<boolean> {
  const seen = await look(join(folder, "lock"));
  return seen !== undefined && !isLeft(seen, owner);
}

function isLeft({ text }: SeenLock, { name, isRunning }: FolderOwner): boolean {
  return text === "" || text === name || !isRunning(text);
}
