import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf, fileMode, removeFile } from "./durable.ts";

/** The process that has a folder open. */
export interface FolderOwner {
  /** Tells this process from every other one, past ones too where the system allows it: a process number comes again. */
  readonly name: string;
  /** Whether the process of that name still runs. */
  readonly isRunning: (name: string) => boolean;
  /** The user that it runs for; absent where users have no numbers, as on Windows. */
  readonly user?: number;
}

const attempts = 3;

/**
 * Locks `folder` by the file `lock` in it, which holds the owner's name. What a process left that runs no more is taken over.
 *
 * @returns what unlocks it; `undefined` where another process has the folder.
 */
export async function lockFolder(folder: string, owner: FolderOwner): Promise<(() => Promise<void>) | undefined> {
  const path = join(folder, "lock");
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await tryCreate(path, owner.name)) return () => removeFile(path);
    const holder = await readFile(path, "utf8").catch(() => "");
    if (holder !== "" && holder !== owner.name && owner.isRunning(holder)) break;
    await removeFile(path);
  }
  return undefined;
}

/** Makes the file, unless there is one. */
async function tryCreate(path: string, text: string): Promise<boolean> {
  try {
    await using file = await open(path, "wx", fileMode);
    await file.writeFile(text);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}
