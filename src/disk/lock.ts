import { join } from "node:path";
import { tryLockFile } from "./lock-file.ts";

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
  const { name, isRunning } = owner;
  const isStale = ({ text }: { readonly text: string }) => text === "" || text === name || !isRunning(text);
  const lock = await tryLockFile(join(folder, "lock"), { name, isStale });
  return lock && (async () => lock[Symbol.asyncDispose]());
}
