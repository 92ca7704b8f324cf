import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { WaybillError } from "../errors.ts";
import { descriptorJson } from "../spec/descriptor.ts";
import { goJson } from "../spec/json.ts";
import { formatLocation } from "../spec/reference.ts";
import type { CreateResult } from "../verbs/create.ts";
import { isDiskFull, reasonOf } from "./reason.ts";
import { requireReplaceable, temporaryFor } from "./replaceable.ts";

/** A file that appears whole or not at all. Leaving the block without `commit` removes what was prepared. */
export interface MetadataFile extends AsyncDisposable {
  commit(result: CreateResult): Promise<void>;
}

/**
 * Prepares to write the result to `path`, before anything is published: where this fails, nothing has happened.
 *
 * @throws WaybillError `io_failed`, `disk_full`
 */
export async function openMetadataFile(path: string): Promise<MetadataFile> {
  const temporary = temporaryFor(path);
  const file = await explained(path, () => claim(path, temporary));
  return {
    commit: (result) =>
      explained(path, async () => {
        await file.writeFile(metadataText(result));
        await file.chmod(0o644);
        await file.sync();
        await rename(temporary, path);
      }),
    async [Symbol.asyncDispose]() {
      await file.close();
      await rm(temporary, { force: true });
    },
  };
}

async function claim(path: string, temporary: string): Promise<FileHandle> {
  await requireReplaceable("metadata file", path);
  return open(temporary, "wx", 0o644);
}

/** The members that buildx writes, and the digest that `docker build --metadata-file` has beside them. */
export function metadataText(result: CreateResult): string {
  const { descriptor } = result.root;
  const names = result.targets.map(({ at }) => formatLocation(at)).sort();
  const members = {
    "containerimage.descriptor": descriptorJson(descriptor),
    "containerimage.digest": descriptor.digest,
    "image.name": [...new Set(names)].join(","),
  };
  return goJson(members, "  ");
}

async function explained<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof WaybillError) throw error;
    const code = isDiskFull(error) ? "disk_full" : "io_failed";
    const seen = reasonOf(error, { missing: "folder" });
    throw new WaybillError(code, `Cannot write metadata file "${path}": ${seen}`, {}, { cause: error });
  }
}
