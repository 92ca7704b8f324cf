import { gzipSync } from "node:zlib";
import type { Target } from "../../content/store.ts";
import { descriptorJson, type Descriptor } from "../../spec/descriptor.ts";
import { digestOf } from "../../spec/digest.ts";
import { goJson } from "../../spec/json.ts";
import { parseManifest, type Manifest } from "../../spec/manifest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { tarOf, type TarFile } from "./tar.ts";

/** An image whole in memory: its manifest, and the blobs that the manifest names. */
export interface BuiltImage {
  readonly manifest: Manifest;
  readonly blobs: readonly (readonly [Descriptor, Uint8Array])[];
}

interface Layer {
  readonly diffId: string;
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** An image of the program for `linux/<architecture>`: one layer with `files`, shared by all platforms, and one of its own. */
export function buildImage(architecture: string, files: readonly TarFile[]): BuiltImage {
  const label = { path: "etc/waybill-platform", content: Buffer.from(`linux/${architecture}\n`) };
  const layers = [layerOf(files), layerOf([label])];
  const config = blobOf(mediaTypes.ociConfig, Buffer.from(JSON.stringify(configOf(architecture, layers))));
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptorJson(config.descriptor),
    layers: layers.map(({ descriptor }) => descriptorJson(descriptor)),
  };
  const manifest = parseManifest(Buffer.from(goJson(document, "  ")));
  return { manifest, blobs: [config, ...layers].map(({ descriptor, bytes }) => [descriptor, bytes] as const) };
}

/** Pushes `image` under `tag`, blobs first. */
export async function pushImage(image: BuiltImage, to: Target, tag: string, signal: AbortSignal): Promise<void> {
  for (const [descriptor, bytes] of image.blobs) {
    await to.pushBlob(descriptor, (offset) => bytesFrom(bytes, offset), { signal });
  }
  await to.pushManifest(image.manifest, { tags: [tag], signal });
}

async function* bytesFrom(bytes: Uint8Array, offset: number): AsyncGenerator<Uint8Array> {
  if (offset < bytes.byteLength) yield bytes.subarray(offset);
}

function layerOf(files: readonly TarFile[]): Layer {
  const tar = tarOf(files);
  return { diffId: digestOf(tar), ...blobOf(mediaTypes.ociLayerGzip, gzipSync(tar)) };
}

function blobOf(mediaType: string, bytes: Uint8Array): { descriptor: Descriptor; bytes: Uint8Array } {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength }, bytes };
}

function configOf(architecture: string, layers: readonly Layer[]): object {
  return {
    created: "1970-01-01T00:00:00Z",
    architecture,
    os: "linux",
    config: { Entrypoint: ["node", "/opt/waybill/cli/main.js"], WorkingDir: "/" },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created: "1970-01-01T00:00:00Z", created_by: "waybill quickstart" })),
  };
}
