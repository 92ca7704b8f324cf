import * as promises from "node:fs/promises";
import { resolve as absolute } from "node:path";
import type { Store } from "../content/store.ts";
import { ioCall, unless } from "../disk/durable.ts";
import { WaybillError } from "../errors.ts";
import { blobsIn } from "./blobs.ts";
import type { Files } from "./files.ts";
import { hasMarker, type Layout } from "./folder.ts";
import { indexFileIn } from "./index-file.ts";
import type { LayoutOwner } from "./lock.ts";
import { sourceOf } from "./source.ts";
import { targetOf } from "./target.ts";

export interface LayoutOptions {
  /** Who writes: one for all layouts that a process opens. */
  readonly owner: LayoutOwner;
  /** Default: the machine's. */
  readonly files?: Files;
  /** Most descriptors in one manifest; default 5,000. */
  readonly maxDescriptors?: number;
}

/**
 * Opens the OCI image layout in the folder `path`, as a source and as a target. The folder may be missing: nothing is made
 * before something is written, and a source finds nothing in it. What is in the folder is taken for hostile.
 *
 * @throws WaybillError `invalid_layout` where `path` is not a folder or a layout of another version; `io_failed`.
 * Spec: image-spec v1.1.1, "OCI Image Layout Specification".
 */
export async function openLayout(path: string, options: LayoutOptions): Promise<Store> {
  const { owner, files = promises, maxDescriptors } = options;
  const root = absolute(path);
  const stat = await ioCall(`open "${path}"`, () => unless(["ENOENT"], () => files.stat(root)));
  if (stat && !stat.isDirectory())
    throw new WaybillError("invalid_layout", `Cannot open "${path}": it is not a folder`);
  if (stat) await hasMarker(root, files);
  const layout: Layout = {
    location: { kind: "layout", path },
    root,
    files,
    blobs: blobsIn(root, files),
    index: indexFileIn(root, files, owner),
    mark: `${owner.pid}`,
    limits: maxDescriptors === undefined ? {} : { maxDescriptors },
  };
  return { location: layout.location, ...sourceOf(layout), ...targetOf(layout) };
}
