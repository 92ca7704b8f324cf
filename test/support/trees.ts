import type { MemoryStore } from "../../src/content/memory.ts";
import type { Descriptor } from "../../src/spec/descriptor.ts";
import { descriptorJson } from "../../src/spec/descriptor.ts";
import { digestOf } from "../../src/spec/digest.ts";
import { goJson } from "../../src/spec/json.ts";
import { parseManifest, type Manifest } from "../../src/spec/manifest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import type { Platform } from "../../src/spec/platform.ts";

/** A manifest with the blobs and manifests below it: enough to put it anywhere. The same input gives the same bytes. */
export interface Tree {
  readonly manifest: Manifest;
  readonly blobs: readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array }[];
  readonly children: readonly Tree[];
}

export interface ImageOptions {
  readonly docker?: boolean;
  /** What the config says; default linux/amd64. */
  readonly config?: object;
  /** Tells images of one platform apart. */
  readonly seed?: string;
}

const attestationType = "application/vnd.docker.attestation.manifest.v1+json";

export function image(options: ImageOptions = {}): Tree {
  const { docker = false, config = { architecture: "amd64", os: "linux" }, seed = "" } = options;
  const configBlob = blob(docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig, JSON.stringify({ ...config, seed }));
  const layerType = docker ? "application/vnd.docker.image.rootfs.diff.tar.gzip" : mediaTypes.ociLayerGzip;
  const layer = blob(layerType, `layer of ${JSON.stringify(config)}${seed}`);
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  return imageOf({ mediaType, config: configBlob, layer });
}

interface ImageParts {
  readonly mediaType: string;
  readonly config: Tree["blobs"][number];
  readonly layer: Tree["blobs"][number];
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  readonly annotations?: Record<string, string>;
}

function imageOf({ mediaType, config, layer, artifactType, subject, annotations }: ImageParts): Tree {
  const document = {
    schemaVersion: 2,
    mediaType,
    artifactType,
    config: descriptorJson(config.descriptor),
    layers: [descriptorJson(layer.descriptor)],
    subject: subject && descriptorJson(subject),
    annotations,
  };
  return { manifest: parseManifest(Buffer.from(goJson(document, "  "))), blobs: [config, layer], children: [] };
}

/** A docker attestation; found as a referrer when `isReferrer`. */
export function attestation(subject: Tree, isReferrer = false): Tree {
  const { mediaType, digest, size } = subject.manifest.descriptor;
  return imageOf({
    mediaType: mediaTypes.ociManifest,
    config: blob(mediaTypes.ociConfig, JSON.stringify({ architecture: "unknown", os: "unknown", of: digest })),
    layer: blob("application/vnd.in-toto+json", JSON.stringify({ subject: digest })),
    ...(isReferrer && { artifactType: attestationType, subject: { mediaType, digest, size } }),
  });
}

/** Any artifact that refers to `subject`. */
export function referrer(subject: Tree, artifactType: string): Tree {
  const { mediaType, digest, size } = subject.manifest.descriptor;
  return imageOf({
    mediaType: mediaTypes.ociManifest,
    config: blob(mediaTypes.empty, "{}"),
    layer: blob("application/octet-stream", `${artifactType} of ${digest}`),
    artifactType,
    subject: { mediaType, digest, size },
    annotations: { "org.example.about": digest },
  });
}

export interface IndexEntry {
  readonly tree: Tree;
  readonly platform?: Platform;
  readonly annotations?: Record<string, string>;
}

export interface IndexOptions {
  readonly docker?: boolean;
  readonly annotations?: Record<string, string>;
  /** Members that no specification knows. */
  readonly extra?: object;
}

/** An index on one line, so that whoever writes it anew is found out. */
export function index(entries: readonly IndexEntry[], options: IndexOptions = {}): Tree {
  const { docker = false, annotations, extra } = options;
  const manifests = entries.map(({ tree, platform, annotations }) => {
    const { mediaType, digest, size } = tree.manifest.descriptor;
    return descriptorJson({
      mediaType,
      digest,
      size,
      ...(platform && { platform }),
      ...(annotations && { annotations }),
    });
  });
  const mediaType = docker ? mediaTypes.dockerList : mediaTypes.ociIndex;
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...extra, manifests, annotations }));
  return { manifest: parseManifest(bytes), blobs: [], children: entries.map(({ tree }) => tree) };
}

/** The entry of `tree` in an index as buildx writes it for an attestation of `subject`. */
export function attestationEntry(tree: Tree, subject: Tree): IndexEntry {
  return {
    tree,
    platform: { architecture: "unknown", os: "unknown" },
    annotations: {
      "vnd.docker.reference.digest": subject.manifest.descriptor.digest,
      "vnd.docker.reference.type": "attestation-manifest",
    },
  };
}

function blob(mediaType: string, text: string): Tree["blobs"][number] {
  const bytes = Buffer.from(text);
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength }, bytes };
}

/** Puts `tree` into a store in memory, children first. */
export function shelve(store: MemoryStore, tree: Tree, ...tags: readonly string[]): void {
  for (const child of tree.children) shelve(store, child);
  for (const { bytes, descriptor } of tree.blobs) store.addBlob(bytes, descriptor.mediaType);
  store.shelf.manifests.set(tree.manifest.descriptor.digest, tree.manifest);
  for (const tag of tags) store.shelf.tags.set(tag, tree.manifest.descriptor.digest);
}
