import type { Store } from "../../src/content/store.ts";
import { descriptorJson, platformJson, type Descriptor } from "../../src/spec/descriptor.ts";
import { digestOf } from "../../src/spec/digest.ts";
import { goJson } from "../../src/spec/json.ts";
import { parseManifest, type Manifest } from "../../src/spec/manifest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { parsePlatform } from "../../src/spec/platform.ts";

export interface ImageOptions {
  readonly platform?: string;
  /** The layers' contents; default one that the platform's name fills. */
  readonly layers?: readonly Uint8Array[];
  readonly tags?: readonly string[];
  readonly docker?: boolean;
  readonly subject?: Descriptor;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** What the manifest says of its layers' sizes, whatever they are. */
  readonly claimedLayerSize?: number;
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function descriptorOf(bytes: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

/** Pushes a single-platform image, blobs first, and answers its manifest. */
export async function pushImage(store: Store, options: ImageOptions = {}): Promise<Manifest> {
  const { platform = "linux/amd64", layers = [bytesOf(`layer for ${platform}`)], docker = false } = options;
  const config = bytesOf(
    goJson({
      ...platformJson(parsePlatform(platform)),
      rootfs: { type: "layers", diff_ids: layers.map((layer) => digestOf(layer)) },
    }),
  );
  const configDescriptor = descriptorOf(config, docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig);
  const layerType = docker ? "application/vnd.docker.image.rootfs.diff.tar.gzip" : mediaTypes.ociLayerGzip;
  const layerDescriptors = layers.map((layer) => descriptorOf(layer, layerType));
  for (const [at, layer] of [config, ...layers].entries())
    await pushBytes(store, at === 0 ? configDescriptor : layerDescriptors[at - 1]!, layer);
  const document = {
    schemaVersion: 2,
    mediaType: docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest,
    artifactType: options.artifactType,
    config: descriptorJson(configDescriptor),
    layers: layerDescriptors.map((layer) => descriptorJson({ ...layer, size: options.claimedLayerSize ?? layer.size })),
    subject: options.subject && descriptorJson(options.subject),
    annotations: options.annotations,
  };
  return pushDocument(store, document, options.tags);
}

export interface IndexOptions {
  readonly tags?: readonly string[];
  readonly platforms?: readonly (string | undefined)[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly docker?: boolean;
}

/** Pushes an index over manifests that the store holds. */
export async function pushIndex(
  store: Store,
  manifests: readonly Descriptor[],
  options: IndexOptions = {},
): Promise<Manifest> {
  const children = manifests.map((manifest, at) => {
    const platform = options.platforms?.[at];
    return descriptorJson({ ...manifest, ...(platform && { platform: parsePlatform(platform) }) });
  });
  const mediaType = options.docker ? mediaTypes.dockerList : mediaTypes.ociIndex;
  return pushDocument(
    store,
    { schemaVersion: 2, mediaType, manifests: children, annotations: options.annotations },
    options.tags,
  );
}

async function pushDocument(store: Store, document: object, tags: readonly string[] = []): Promise<Manifest> {
  const manifest = parseManifest(bytesOf(goJson(document, "  ")));
  await store.pushManifest(manifest, { tags });
  return manifest;
}

async function pushBytes(store: Store, descriptor: Descriptor, bytes: Uint8Array): Promise<void> {
  await store.pushBlob(descriptor, async function* (offset) {
    yield bytes.subarray(offset);
  });
}
