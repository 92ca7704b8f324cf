import type { Descriptor } from "../../src/spec/descriptor.ts";
import { digestOf } from "../../src/spec/digest.ts";
import { parseManifest, type Manifest } from "../../src/spec/manifest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import type { Bytes, PushManifestOptions, Replayable, Source, Target } from "../../src/content/store.ts";
import { verified } from "../../src/content/verify.ts";

/** A blob with its bytes. */
export interface SampleBlob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** An image of one layer, with what it needs. */
export interface SampleImage extends Manifest {
  readonly name: string;
  readonly config: SampleBlob;
  readonly layer: SampleBlob;
}

/** The descriptor of `bytes`. */
export function blobOf(bytes: Uint8Array, mediaType: string = mediaTypes.ociLayer): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

/** `bytes` as a body that can be opened again, in pieces. */
export function bodyOf(bytes: Uint8Array, pieceBytes = 64 * 1024): Replayable {
  return async function* open(offset): Bytes {
    for (let at = offset; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  };
}

/** `bytes` as the body of `blob`, which they may not be. */
export function checkedBody(blob: Descriptor, bytes: Uint8Array): Replayable {
  return (offset) => verified(blob, bodyOf(bytes)(offset));
}

/** A manifest of the OCI type `mediaType` with these members. */
export function manifestOf(mediaType: string, members: object): Manifest {
  return parseManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...members })));
}

/** An image that differs from those of other names; `members` are added to its manifest. */
export function imageOf(name: string, members: object = {}): SampleImage {
  const config = sample(JSON.stringify({ architecture: "amd64", os: "linux", name }), mediaTypes.ociConfig);
  const layer = sample(`layer of ${name}`, mediaTypes.ociLayer);
  const content = { config: config.descriptor, layers: [layer.descriptor], ...members };
  return { ...manifestOf(mediaTypes.ociManifest, content), name, config, layer };
}

/** An artifact that refers to `subject`. */
export function referrerOf(subject: Descriptor, artifactType: string): SampleImage {
  return imageOf(`${artifactType} of ${subject.digest}`, { subject, artifactType, annotations: { made: "here" } });
}

function sample(text: string, mediaType: string): SampleBlob {
  const bytes = Buffer.from(text);
  return { descriptor: blobOf(bytes, mediaType), bytes };
}

/** Writes `image` with its blobs, children first. */
export async function pushImage(
  target: Target,
  image: SampleImage,
  options: PushManifestOptions = {},
): Promise<SampleImage> {
  for (const blob of [image.config, image.layer]) await target.pushBlob(blob.descriptor, bodyOf(blob.bytes));
  await target.pushManifest(image, options);
  return image;
}

/** A blob from `offset` to its end. */
export async function readBlob(source: Source, blob: Descriptor, offset = 0): Promise<Uint8Array> {
  await using content = await source.fetch(blob, { offset });
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
