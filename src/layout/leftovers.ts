import { join } from "node:path";
import { isAlive as isAliveHere } from "../disk/process-name.ts";
import type { Files } from "./files.ts";
import type { LayoutOwner } from "./lock.ts";

/** Whoever writes a blob changes its file all the time: after so long nobody does any more, on whatever machine. */
const abandonedAfterMs = 24 * 60 * 60 * 1000;

/** What `replaceFile` calls a file that is not whole yet. */
const temporaryName = /^\.(?:[0-9a-f]{64}|[0-9a-f]{128}|index\.json|oci-layout)\.(\d+)-\d+\.tmp$/;

/**
 * Removes what processes that were killed have left half-written in the layout at `root`, a path without links. Never
 * rejects: what cannot be tidied up does no harm.
 */
export async function removeLeftovers(root: string, files: Files, owner: LayoutOwner): Promise<void> {
  for (const folder of [root, join(root, "blobs", "sha256"), join(root, "blobs", "sha512")])
    await removeFrom(folder, files, owner).catch(() => undefined);
}

async function removeFrom(folder: string, files: Files, owner: LayoutOwner): Promise<void> {
  // A link leads out of the layout, to files that are not ours to remove.
  if ((await files.realpath(folder)) !== folder) return;
  for (const name of await files.readdir(folder)) {
    const pid = temporaryName.exec(name)?.[1];
    if (pid === undefined || isAtWork(Number(pid), owner)) continue;
    const path = join(folder, name);
    const { mtimeMs } = await files.lstat(path);
    if (owner.now() - mtimeMs > abandonedAfterMs) await files.unlink(path);
  }
}

/** In a container each process may have our number. */
function isAtWork(pid: number, { pid: own, isAlive = isAliveHere }: LayoutOwner): boolean {
  return pid !== own && isAlive(pid);
}
