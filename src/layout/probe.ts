import { constants } from "node:fs";
import { dirname, join } from "node:path";
import type { CallOptions } from "../content/store.ts";
import { ioCall, unless } from "../disk/durable.ts";
import type { Layout } from "./folder.ts";

/**
 * Finds out whether the layout can be written to, without writing: the folders that will get files, or where they are missing
 * the nearest one above them, must let us.
 *
 * @throws WaybillError `io_failed` that names the folder that does not.
 */
export async function probeFolder({ root, files }: Layout, { signal }: CallOptions = {}): Promise<"allowed"> {
  for (const folder of [root, join(root, "blobs"), join(root, "blobs", "sha256")]) {
    signal?.throwIfAborted();
    await requireWritable(folder, files);
  }
  return "allowed";
}

async function requireWritable(folder: string, files: Layout["files"]): Promise<void> {
  const { W_OK, X_OK } = constants;
  const isThere = async () => {
    await files.access(folder, W_OK | X_OK);
    return true;
  };
  if (await ioCall(`write to "${folder}"`, () => unless(["ENOENT"], isThere))) return;
  if (dirname(folder) !== folder) await requireWritable(dirname(folder), files);
}
