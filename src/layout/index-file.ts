import { join } from "node:path";
import { createLanes, inLane } from "../async/lanes.ts";
import type { Bytes, CallOptions } from "../content/store.ts";
import { ioCall, syncFolder } from "../disk/durable.ts";
import { WaybillError } from "../errors.ts";
import { emptyListing, formatListing, parseListing, type Listing } from "./entries.ts";
import { openPlain, readWhole, replaceFile, smallFilesAtOnce, type Files } from "./files.ts";
import { removeLeftovers } from "./leftovers.ts";
import { lock, queueFor, type LayoutOwner, type Lock } from "./lock.ts";
import { sharedTurns, type Sharer } from "./shared-turns.ts";

/** The file index.json of a layout. */
export interface IndexFile {
  /** What it lists now. `version` changes whenever it is replaced; both are empty where there is no file. */
  read(options?: CallOptions): Promise<{ readonly listing: Listing; readonly version: string }>;
  /**
   * Replaces what it lists by what `change` makes of it, under the lock. Changes that wait for the same turn follow one another
   * and are written as one; a listing that they give back as it was is not written. Resolves when it survives a crash.
   *
   * @throws WaybillError `busy` where another process holds the lock; `disk_full`, `io_failed`, `too_large`: then the old file is
   *   there, and no change of that turn has been made. What `change` throws concerns no other.
   */
  update(change: Change, options?: UpdateOptions): Promise<void>;
}

type Change = (listing: Listing) => Promise<Listing>;

export interface UpdateOptions extends CallOptions {
  /** Their names survive a crash before the listing speaks of what is in them; default none. */
  readonly folders?: readonly string[];
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
  const write = async (listing: Listing, held: Lock): Promise<void> => {
    const bytes = formatListing(listing);
    if (bytes.byteLength > maxBytes)
      throw new WaybillError("too_large", `Cannot write "${path}": it would be larger than ${maxBytes} bytes`);
    await replaceFile(files, path, streamOf(bytes), { mark: `${owner.pid}`, beforeCommit: () => held.requireHeld() });
    await syncFolder(root, files);
  };
  let isTidy = false;
  const share = sharedTurns<{ readonly change: Change; readonly folders: readonly string[] }>();
  return {
    read,
    async update(change, { folders = [], ...options } = {}) {
      // One layout has one queue, however it is spelled.
      const folder = await ioCall(`lock "${path}"`, () => files.realpath(root));
      const lockPath = join(folder, "index.json.lock");
      await share({ change, folders }, queueFor(lockPath, owner), options, async (take) => {
        await using held = await lock(files, lockPath, owner, options);
        if (!isTidy) await removeLeftovers(folder, files, owner);
        isTidy = true;
        const sharers = take();
        for (const named of new Set(sharers.flatMap(({ item }) => item.folders))) await syncFolder(named, files);
        const { listing, version } = await read();
        const changed = await changedBy(sharers, listing);
        if (changed && (changed !== listing || version === "")) await write(changed, held);
      });
    },
  };
}

/** What those make of `listing` that neither fail nor have been given up; `undefined` where there is none. */
async function changedBy(
  sharers: readonly Sharer<{ readonly change: Change }>[],
  listing: Listing,
): Promise<Listing | undefined> {
  let changed: Listing | undefined;
  for (const { item, signal, refuse } of sharers) {
    try {
      signal?.throwIfAborted();
      changed = await item.change(changed ?? listing);
    } catch (error) {
      refuse(error);
    }
  }
  return changed;
}

/** `bytes` as a stream. */
export async function* streamOf(bytes: Uint8Array): Bytes {
  yield bytes;
}
