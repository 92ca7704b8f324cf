import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** What making folders needs of the system. */
export interface FolderSystem {
  readonly mkdir: (path: string, options: { readonly mode: number }) => Promise<unknown>;
  readonly stat: (path: string) => Promise<{ isDirectory(): boolean }>;
}

/**
 * Makes the folder and those above it that are missing. Node's own `recursive` never comes to an end where the system says "no such
 * folder" of one that has all it needs, as Linux does in `/proc`.
 *
 * @returns those that were made, the topmost first.
 */
export async function makeFolders(
  path: string,
  mode: number,
  system: FolderSystem = { mkdir, stat },
): Promise<readonly string[]> {
  const failure = await tryToMake(path, mode, system);
  if (failure === undefined) return [path];
  const above = dirname(path);
  if (!isMissing(failure) || above === path) {
    if (await isFolder(path, system)) return [];
    throw failure;
  }
  const made = await makeFolders(above, mode, system);
  const again = await tryToMake(path, mode, system);
  if (again === undefined) return [...made, path];
  if (await isFolder(path, system)) return made;
  throw again;
}

/** @returns what it failed with. */
async function tryToMake(path: string, mode: number, { mkdir: make }: FolderSystem): Promise<unknown> {
  try {
    await make(path, { mode });
    return undefined;
  } catch (error) {
    return error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

async function isFolder(path: string, system: FolderSystem): Promise<boolean> {
  return system.stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
