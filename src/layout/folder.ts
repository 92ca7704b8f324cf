import { dirname, join } from "node:path";
import { ioCall, syncFolder } from "../disk/durable.ts";
import { makeFolders } from "../disk/folders.ts";
import { hasCode, WaybillError } from "../errors.ts";
import { goJson, parseJson } from "../spec/json.ts";
import type { ManifestOptions } from "../spec/manifest.ts";
import type { Location } from "../spec/reference.ts";
import type { Blobs } from "./blobs.ts";
import { openPlain, readWhole, replaceFile, type Files } from "./files.ts";
import { streamOf, type IndexFile } from "./index-file.ts";

/** The parts of an opened layout. */
export interface Layout {
  readonly location: Location;
  /** Absolute. */
  readonly root: string;
  readonly files: Files;
  readonly blobs: Blobs;
  readonly index: IndexFile;
  /** Part of the names of temporary files. */
  readonly mark: string;
  /** Of the manifests in it. */
  readonly limits: Pick<ManifestOptions, "maxDescriptors">;
}

const version = "1.0.0";

/** Whether the file oci-layout is there. @throws WaybillError `invalid_layout` where it speaks of another version. */
export async function hasMarker(root: string, files: Files): Promise<boolean> {
  const path = join(root, "oci-layout");
  const file = await openPlain(files, path);
  if (!file) return false;
  if (versionIn(await readWhole(file, 64 * 1024)) === version) return true;
  throw new WaybillError("invalid_layout", `Cannot open "${path}": its imageLayoutVersion is not ${version}`);
}

function versionIn(bytes: Uint8Array): unknown {
  try {
    return (parseJson(bytes) as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
  } catch (error) {
    if (hasCode(error, "invalid_manifest", "too_large")) return undefined;
    throw error;
  }
}

/** Makes `folder`, which is to hold blobs, so that it survives a crash, and the file oci-layout where it is missing. */
export async function prepare({ root, files, mark }: Layout, folder: string): Promise<void> {
  const made = await ioCall(`make "${folder}"`, () => makeFolders(folder, 0o755, files));
  for (const one of made) await syncFolder(dirname(one), files);
  if (await hasMarker(root, files)) return;
  const marker = Buffer.from(goJson({ imageLayoutVersion: version }));
  await replaceFile(files, join(root, "oci-layout"), streamOf(marker), { mark });
}
