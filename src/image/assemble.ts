import { WaybillError } from "../errors.ts";
import { annotationsJson, descriptorJson, type Descriptor } from "../spec/descriptor.ts";
import { digestOf, type Digest } from "../spec/digest.ts";
import { goJson } from "../spec/json.ts";
import { defaultMaxDescriptors, maxManifestBytes, type Index, type Manifest } from "../spec/manifest.ts";
import { isDockerType, mediaTypes } from "../spec/media-type.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import { annotateChildren, annotateIndex, type Annotation } from "./annotations.ts";

/** A source as it was read. */
export interface Part {
  readonly location: Location;
  readonly manifest: Manifest;
  /** How the manifest is to be listed in an index: with its platform, and with what the user said of it. */
  readonly descriptor: Descriptor;
}

/** The document that the targets' tags shall name. */
export interface Root extends Manifest {
  /** Where the root's manifests, or the root itself where it is a copy, can be read, best first. */
  readonly origins: ReadonlyMap<Digest, readonly Location[]>;
  /** The root as it lies at a source, where this one is made of it with other children: what refers to it does not follow. */
  readonly replaces?: Replaced;
}

export interface Replaced {
  readonly digest: Digest;
  readonly from: readonly Location[];
}

export interface AssembleOptions {
  readonly annotations?: readonly Annotation[];
  /** Whether a single image gets an index around it; default true. */
  readonly preferIndex?: boolean;
}

/**
 * Joins `parts` into one document. A lone index, and with `preferIndex: false` a lone image, stays what it is byte for byte,
 * unless annotations are added. The same parts in the same order always give the same bytes.
 *
 * @throws WaybillError `invalid_annotation` where annotations are meant for a docker manifest list, which cannot hold them.
 */
export function assemble(parts: readonly Part[], options: AssembleOptions = {}): Root {
  const { annotations = [], preferIndex = true } = options;
  const [only] = parts;
  const isLone = parts.length === 1 && annotations.length === 0;
  if (isLone && only && (only.manifest.document.kind === "index" || !preferIndex)) return copyOf(only);
  const children = joined(parts);
  const mediaType = indexTypeFor(children, annotations);
  const onIndex = annotateIndex(annotations);
  return rootOf(
    {
      kind: "index",
      mediaType,
      manifests: annotateChildren(annotations, children),
      ...(onIndex && { annotations: onIndex }),
    },
    originsOf(parts),
  );
}

function copyOf(part: Part): Root {
  const { bytes, document } = part.manifest;
  const own: Descriptor = { ...part.descriptor, mediaType: document.mediaType };
  return { descriptor: own, bytes, document, origins: originsOf([part]) };
}

/** The root that consists of `index`, written anew. */
export function rootOf(index: Index, origins: Root["origins"]): Root {
  const bytes = encodeIndex(index);
  const descriptor = { mediaType: index.mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  return { descriptor, bytes, document: index, origins };
}

/**
 * Refuses a root that nobody could read again, ourselves included. `maxDescriptors`: default 5,000.
 *
 * @throws WaybillError `too_large`
 */
export function requireReadable({ document, bytes }: Manifest, maxDescriptors = defaultMaxDescriptors): void {
  const count = document.kind === "index" ? document.manifests.length : 0;
  if (count > maxDescriptors) {
    throw new WaybillError(
      "too_large",
      `Cannot make the new image: its ${count} manifests are more than the ${maxDescriptors} that are accepted in one index`,
      { advice: "Publish fewer platforms at once, or raise --max-descriptors: registries may accept fewer" },
    );
  }
  if (bytes.byteLength <= maxManifestBytes) return;
  throw new WaybillError(
    "too_large",
    `Cannot make the new image: the ${bytes.byteLength} bytes of its index are more than the ${maxManifestBytes} of a manifest`,
    { advice: "Shorten its annotations, or publish fewer platforms at once" },
  );
}

/** The bytes of `index` as Go writes them: its field order, two spaces, map keys sorted, no newline at the end. */
export function encodeIndex(index: Index): Uint8Array {
  const { mediaType, artifactType, manifests, subject, annotations } = index;
  const json = {
    schemaVersion: 2,
    mediaType,
    artifactType,
    manifests: manifests.map(descriptorJson),
    subject: subject && descriptorJson(subject),
    annotations: annotationsJson(annotations),
  };
  return Buffer.from(goJson(json, "  "));
}

/** What a source contributes: an index its manifests, an image itself. */
function contributed(part: Part): readonly Descriptor[] {
  const { document } = part.manifest;
  return document.kind === "index" ? document.manifests : [part.descriptor];
}

/** All children in order. One that comes again keeps its place; what is said of it later wins. */
function joined(parts: readonly Part[]): readonly Descriptor[] {
  const children = new Map<Digest, Descriptor>();
  for (const child of parts.flatMap(contributed)) {
    const known = children.get(child.digest);
    children.set(child.digest, known ? combined(known, child) : child);
  }
  return [...children.values()];
}

function combined(known: Descriptor, again: Descriptor): Descriptor {
  const platform = again.platform ?? known.platform;
  const annotations = annotateIndex(
    Object.entries(again.annotations ?? {}).map(([key, value]) => ({ on: "index", key, value })),
    known.annotations,
  );
  return { ...known, ...(platform && { platform }), ...(annotations && { annotations }) };
}

function indexTypeFor(children: readonly Descriptor[], annotations: readonly Annotation[]): string {
  if (children.length === 0 || !children.every((child) => isDockerType(child.mediaType))) return mediaTypes.ociIndex;
  if (annotations.length === 0) return mediaTypes.dockerList;
  throw new WaybillError(
    "invalid_annotation",
    "Cannot annotate the new image: all its manifests are of docker's media types, and a docker manifest list holds no annotations",
    {
      advice:
        "Build the images with OCI media types (docker buildx build --output type=image,oci-mediatypes=true), or leave --annotation out.",
    },
  );
}

/** The source that came last is the best origin, as in buildx; an index that is copied whole can be read there too. */
function originsOf(parts: readonly Part[]): ReadonlyMap<Digest, readonly Location[]> {
  const origins = new Map<Digest, readonly Location[]>();
  for (const part of parts) {
    for (const { digest } of [...contributed(part), part.manifest.descriptor]) {
      const others = (origins.get(digest) ?? []).filter(
        (other) => formatLocation(other) !== formatLocation(part.location),
      );
      origins.set(digest, [part.location, ...others]);
    }
  }
  return origins;
}
