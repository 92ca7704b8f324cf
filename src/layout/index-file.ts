import { join } from "node:path";
import { createLanes, inLane } from "../async/lanes.ts";
import type { Bytes, CallOptions } from "../content/store.ts";
import { ioCall, syncFolder } from "../disk/durable.ts";
import { WaybillError } from "../errors.ts";
import { emptyListing, formatListing, parseListing, type Listing } from "./entries.ts";
import { openPlain, readWhole, replaceFile, smallFilesAtOnce, type Files } from "./files.ts";
import { removeLeftovers } from "./leftovers.ts";
import { lock, type LayoutOwner } from "./lock.ts";

/** The file index.json of a layout. */
export interface IndexFile {
  /** What it lists now. `version` changes whenever it is replaced; both are empty where there is no file. */
  read(options?: CallOptions): Promise<{ readonly listing: Listing; readonly version: string }>;
  /**
   * Replaces what it lists by what `change` makes of it, under the lock. Updates from one process follow one another; a
   * listing that `change` gives back as it was is not written.
   *
   * @throws WaybillError `busy` where another process holds the lock; `disk_full`, `io_failed`: then the old file is there.
   */
  update(change: (listing: Listing) => Promise<Listing>, options?: CallOptions): Promise<void>;
}

const maxBytes = 4 * 1024 * 1024;

/** The index of the layout at `root`, an absolute path. */
export function indexFileIn(root: string, files: Files, owner: LayoutOwner): IndexFile {
  const path = join(root, "index.json");
  const reading = createLanes({ limit: smallFilesAtOnce });
  const readNow = async ({ signal }: CallOptions) => {
    const file = await openPlain(files, path);
    if (!file) return { listing: emptyListing, version: "" };
    const { version } = file;
    return { listing: parseListing(await readWhole(file, maxBytes, { signal }), path), version };
  };
  const read = (options: CallOptions = {}) => inLane(reading, options, () => readNow(options));
  let isTidy = false;
  return {
    read,
    async update(change, options = {}) {
      // One layout has one queue, however it is spelled.
      const folder = await ioCall(`lock "${path}"`, () => files.realpath(root));
      await using held = await lock(files, join(folder, "index.json.lock"), owner, options);
      if (!isTidy) await removeLeftovers(folder, files, owner);
      isTidy = true;
      const { listing, version } = await read(options);
      const changed = await change(listing);
      if (changed === listing && version !== "") return;
      const bytes = formatListing(changed);
      if (bytes.byteLength > maxBytes)
        throw new WaybillError("too_large", `Cannot write "${path}": it would be larger than ${maxBytes} bytes`);
      await replaceFile(files, path, streamOf(bytes), { mark: `${owner.pid}`, beforeCommit: () => held.requireHeld() });
      await syncFolder(root, files);
    },
  };
}

/** `bytes` as a stream. */
export async function* streamOf(bytes: Uint8Array): Bytes {
  yield bytes;
}
