import { dirname, join } from "node:path";
import { createLanes, inLane } from "../async/lanes.ts";
import type { Bytes, CallOptions, Content, FetchOptions } from "../content/store.ts";
import { exactly, verified } from "../content/verify.ts";
import { absent, ioCall, unless } from "../disk/durable.ts";
import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { algorithmOf, hexOf, type Digest } from "../spec/digest.ts";
import { openLinked, openPlain, readWhole, smallFilesAtOnce, type Files, type RegularFile } from "./files.ts";

/** The folder `blobs/` of a layout, for reading. */
export interface Blobs {
  /** Where the blob is or would be: made of the digest's parsed parts, so it cannot lead elsewhere. */
  pathOf(digest: Digest): string;
  /** Whether a file of the right size is there. */
  has(blob: Pick<Descriptor, "digest" | "size">): Promise<boolean>;
  /** `undefined` where it is not there. @throws WaybillError `size_mismatch`, `invalid_layout` before the first byte. */
  open(blob: Descriptor, options?: FetchOptions): Promise<Content | undefined>;
  /** A small blob whole, not verified. `undefined` where it is not there. @throws WaybillError `too_large` */
  readWhole(digest: Digest, maxBytes: number, options?: CallOptions): Promise<Uint8Array | undefined>;
}

/** The blobs of the layout at `root`. Nothing is opened yet. */
export function blobsIn(root: string, files: Files): Blobs {
  const pathOf = (digest: Digest) => join(root, "blobs", algorithmOf(digest), hexOf(digest));
  const reading = createLanes({ limit: smallFilesAtOnce });
  return {
    pathOf,
    async has({ digest, size }) {
      const path = pathOf(digest);
      const stat = await ioCall(`read "${path}"`, () => unless(absent, () => files.stat(path)));
      return stat !== undefined && stat.isFile() && stat.size === size;
    },
    async open(blob, options = {}) {
      const found = await find(root, pathOf(blob.digest), files);
      return found && contentOf(blob, found, options);
    },
    readWhole: (digest, maxBytes, options = {}) =>
      inLane(reading, options, async () => {
        const found = await find(root, pathOf(digest), files);
        return found && readWhole(found.file, maxBytes, options);
      }),
  };
}

interface Found {
  readonly file: RegularFile;
  /** It was reached through a symbolic link, so it may be a file that was never meant to be a blob. */
  readonly linked: boolean;
}

async function find(root: string, path: string, files: Files): Promise<Found | undefined> {
  const linked = await isLinked(root, path, files);
  if (linked === undefined) return undefined;
  const file = await (linked ? openLinked : openPlain)(files, path);
  return file && { file, linked };
}

async function isLinked(root: string, path: string, files: Files): Promise<boolean | undefined> {
  return ioCall(`read "${path}"`, async () => {
    const target = await unless(absent, () => files.realpath(path));
    const top = await unless(absent, () => files.realpath(root));
    if (target === undefined || top === undefined) return undefined;
    return target !== join(top, path.slice(root.length));
  });
}

async function contentOf(blob: Descriptor, { file, linked }: Found, options: FetchOptions): Promise<Content> {
  const { offset = 0, signal } = options;
  try {
    if (file.sizeBytes !== blob.size) throw wrongSize(blob, file);
    if (linked) await readThrough(verified(blob, file.read(0, signal)));
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
  const body = readAndClosed(file, { offset, ...(signal && { signal }) });
  return {
    descriptor: blob,
    body: offset === 0 ? verified(blob, body) : exactly(blob.size - offset, body),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

/** The bytes of `file` from an offset. It is closed with the reading, which may be all that its reader ends. */
async function* readAndClosed(file: RegularFile, { offset = 0, signal }: FetchOptions): Bytes {
  await using open = file;
  yield* open.read(offset, signal);
}

async function readThrough(body: Bytes): Promise<void> {
  for await (const _ of body) continue;
}

function wrongSize({ digest, size }: Descriptor, { sizeBytes }: RegularFile): WaybillError {
  return new WaybillError("size_mismatch", `Cannot read ${digest}: expected ${size} bytes, got ${sizeBytes}`, {
    subject: digest,
  });
}

/** The folder of each algorithm's blobs. */
export function folderOf(blobs: Blobs, digest: Digest): string {
  return dirname(blobs.pathOf(digest));
}
