import { WaybillError, hasCode } from "../errors.ts";
import { descriptorJson, parseDescriptor, type Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { goJson, parseJson, stringMap } from "../spec/json.ts";
import { mediaTypes } from "../spec/media-type.ts";

/** One of the roots that index.json lists: what we understood, and what is written back. */
export interface Entry {
  readonly descriptor: Descriptor;
  readonly raw: object;
}

/** The document index.json. Members and entries that we do not know survive an update. */
export interface Listing {
  readonly entries: readonly Entry[];
  readonly others: Readonly<Record<string, unknown>>;
}

/** Annotations of entries. Spec: image-spec v1.1.1, "Image Layout Specification"; the other two are containerd's. */
export const names = {
  ref: "org.opencontainers.image.ref.name",
  image: "io.containerd.image.name",
  subject: "io.containerd.manifest.subject",
} as const;

export const emptyListing: Listing = { entries: [], others: { schemaVersion: 2, mediaType: mediaTypes.ociIndex } };

/** @throws WaybillError `invalid_layout` where it is not an index, naming `path` and never its content; `too_large`. */
export function parseListing(bytes: Uint8Array, path: string): Listing {
  const raw = asObject(parseWithin(bytes, path));
  if (!raw) throw invalidListing(path, "it is not a JSON object");
  const { manifests = [], ...others } = raw;
  if (manifests !== null && !Array.isArray(manifests)) throw invalidListing(path, "its manifests are not a list");
  return {
    entries: (manifests ?? []).map((entry: unknown, index) => parseEntry(entry, `${path}, entry ${index + 1}`)),
    others,
  };
}

function parseWithin(bytes: Uint8Array, path: string): unknown {
  try {
    return parseJson(bytes, { what: `"${path}"` });
  } catch (error) {
    if (hasCode(error, "invalid_manifest"))
      throw new WaybillError("invalid_layout", error.message, {}, { cause: error });
    throw error;
  }
}

function parseEntry(raw: unknown, what: string): Entry {
  try {
    return { raw: asObject(raw) ?? {}, descriptor: parseDescriptor(raw, what) };
  } catch (error) {
    if (hasCode(error, "invalid_manifest"))
      throw new WaybillError("invalid_layout", error.message, {}, { cause: error });
    throw error;
  }
}

function asObject(raw: unknown): Record<string, unknown> | undefined {
  return typeof raw === "object" && raw !== null && !Array.isArray(raw) ? (raw as Record<string, unknown>) : undefined;
}

function invalidListing(path: string, why: string): WaybillError {
  return new WaybillError("invalid_layout", `Cannot read "${path}": ${why}`);
}

/** The bytes of index.json. */
export function formatListing({ entries, others }: Listing): Uint8Array {
  const { schemaVersion = 2, mediaType = mediaTypes.ociIndex, ...rest } = others;
  return Buffer.from(goJson({ schemaVersion, mediaType, manifests: entries.map(({ raw }) => raw), ...rest }));
}

/** The entry that `tag` names: by containerd's name first, then by OCI's. The first of several. */
export function entryOf({ entries }: Listing, tag: string): Entry | undefined {
  return (
    entries.find((entry) => annotation(entry, names.image) === tag) ??
    entries.find((entry) => annotation(entry, names.ref) === tag)
  );
}

export function annotation({ descriptor }: Entry, name: string): string | undefined {
  const { annotations } = descriptor;
  return annotations && Object.hasOwn(annotations, name) ? annotations[name] : undefined;
}

function isNamed(entry: Entry, tag: string): boolean {
  return annotation(entry, names.image) === tag || annotation(entry, names.ref) === tag;
}

/** `tag` names `descriptor` and nothing else any more. The same listing where that is so already. */
export function withTag(listing: Listing, descriptor: Descriptor, tag: string): Listing {
  const named = listing.entries.filter((entry) => isNamed(entry, tag));
  const wanted = makeEntry(descriptor, [[names.ref, tag]]);
  if (named.length === 1 && named[0] && goJson(named[0].raw) === goJson(wanted.raw)) return listing;
  return { ...listing, entries: [...listing.entries.filter((entry) => !named.includes(entry)), wanted] };
}

/** Nothing is named `tag` any more; what was stays a root. The same listing where nothing is. */
export function withoutTag(listing: Listing, tag: string): Listing {
  const named = listing.entries.filter((entry) => isNamed(entry, tag));
  const others: Listing = { ...listing, entries: listing.entries.filter((entry) => !named.includes(entry)) };
  return named.length === 0 ? listing : named.reduce((left, { descriptor }) => withRoot(left, descriptor), others);
}

/** `descriptor` is a root; it gets an entry without a name unless it has one already. */
export function withRoot(listing: Listing, descriptor: Descriptor): Listing {
  const listed = listing.entries.some((entry) => entry.descriptor.digest === descriptor.digest && !isReferrer(entry));
  return listed ? listing : { ...listing, entries: [...listing.entries, makeEntry(descriptor, [])] };
}

/** `descriptor` refers to `subject`, and no root leads to it. */
export function withReferrer(listing: Listing, descriptor: Descriptor, subject: Digest): Listing {
  const listed = listing.entries.some((entry) => entry.descriptor.digest === descriptor.digest);
  return listed
    ? listing
    : { ...listing, entries: [...listing.entries, makeEntry(descriptor, [[names.subject, subject]])] };
}

/** Whether the entry is there for its subject's sake only. */
export function isReferrer(entry: Entry): boolean {
  return (
    annotation(entry, names.subject) !== undefined &&
    annotation(entry, names.ref) === undefined &&
    annotation(entry, names.image) === undefined
  );
}

/** Drops referrers' own entries where a root leads to them by now. The same listing where there is none. */
export function withoutReachable(listing: Listing, isReachable: (digest: Digest) => boolean): Listing {
  const entries = listing.entries.filter((entry) => !isReferrer(entry) || !isReachable(entry.descriptor.digest));
  return entries.length === listing.entries.length ? listing : { ...listing, entries };
}

const ours: ReadonlySet<string> = new Set(Object.values(names));

function makeEntry(descriptor: Descriptor, added: readonly [string, string][]): Entry {
  const kept = Object.entries(descriptor.annotations ?? {}).filter(
    ([name]) => !ours.has(name) && !name.startsWith("containerd.io/distribution.source."),
  );
  const annotations = stringMap([...kept, ...added]);
  const entry = { ...descriptor, annotations };
  return { descriptor: entry, raw: descriptorJson(entry) };
}
