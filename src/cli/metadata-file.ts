import { chmod } from "node:fs/promises";
import { isDiskFull, writeDurably } from "../disk/durable.ts";
import { WaybillError } from "../errors.ts";
import { descriptorJson } from "../spec/descriptor.ts";
import { goJson } from "../spec/json.ts";
import { formatLocation } from "../spec/reference.ts";
import type { CreateResult } from "../verbs/create.ts";
import { reasonOf } from "./reason.ts";
import { requireWritable, temporaryFor } from "./replaceable.ts";

/** A file that appears whole or not at all. */
export interface MetadataFile {
  commit(result: CreateResult): Promise<void>;
}

// As buildx: whoever reads it need not be who has published, whatever the umask.
const mode = 0o644;

/**
 * Prepares to write the result to `path`, before anything is published: where this fails, nothing has happened.
 *
 * @throws WaybillError `io_failed`, `disk_full`
 */
export async function openMetadataFile(path: string): Promise<MetadataFile> {
  await explained(path, () => requireWritable("metadata file", path));
  return {
    commit: (result) =>
      explained(path, async () => {
        await writeDurably(path, temporaryFor(path), Buffer.from(metadataText(result)), mode);
        await chmod(path, mode);
      }),
  };
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
