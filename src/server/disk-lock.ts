import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { WaybillError } from "../errors.ts";
import { codeOf, fileMode, removeFile } from "./disk-files.ts";

/** The process that has a folder open. */
export interface StorageOwner {
  /** Tells this process from every other one, past ones too where the system allows it: a process number comes again. */
  readonly name: string;
  /** Whether the process of that name still runs. */
  readonly isRunning: (name: string) => boolean;
}

const attempts = 3;

/**
 * Locks `folder` by the file `lock` in it, which holds the owner's name. What a process left that runs no more is taken over.
 *
 * @returns what unlocks it.
 * @throws WaybillError `busy` where another process has the folder.
 */
export async function lockFolder(folder: string, owner: StorageOwner): Promise<() => Promise<void>> {
  const path = join(folder, "lock");
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await tryCreate(path, owner.name)) return () => removeFile(path);
    const holder = await readFile(path, "utf8").catch(() => "");
    if (holder !== "" && holder !== owner.name && owner.isRunning(holder)) break;
    await removeFile(path);
  }
  const advice = `Stop that process, or delete "${path}" if it is no registry`;
  throw new WaybillError("busy", `Cannot open storage "${folder}": another process has it open`, { advice });
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
