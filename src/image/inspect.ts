import { rememberedBy } from "../async/remembered.ts";
import { createLanes, inLane } from "../async/lanes.ts";
import { readSmallBlob } from "../content/small-blob.ts";
import type { CallOptions, Source } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { attestationKeys } from "../spec/attestation.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { parseDigest, type Digest } from "../spec/digest.ts";
import type { Index, Manifest } from "../spec/manifest.ts";
import { isImageType, isIndexType } from "../spec/media-type.ts";
import { formatPlatform, normalizePlatform, type Platform } from "../spec/platform.ts";
import { platformOfConfig, readConfig } from "./config.ts";

const subjectKeys = [attestationKeys.oldSubject, attestationKeys.subject];
const requestsAtOnce = 16;
const deepestIndex = 8;

/** Reads the content that an inspection asks for, a few at a time. */
export interface Reader {
  manifest(descriptor: Descriptor): Promise<Manifest>;
  /** The config of an image, as parsed JSON. */
  config(image: Descriptor): Promise<unknown>;
  /** A blob whole and verified. @throws `too_large` above `maxBytes`. */
  blob(descriptor: Descriptor, maxBytes: number): Promise<Uint8Array>;
}

/** What an image consists of: its images by platform (`linux/arm/v7`), and the manifests that attest each of them. */
export interface Survey {
  readonly images: ReadonlyMap<string, Descriptor>;
  readonly attestations: ReadonlyMap<Digest, readonly Descriptor[]>;
}

/** A reader of `source`; `root` is known already and not asked for again. */
export function createReader(source: Source, root: Manifest, options: CallOptions = {}): Reader {
  const lanes = createLanes({ limit: requestsAtOnce });
  const manifest = rememberedBy(
    ({ digest }: Descriptor) => digest,
    async (descriptor): Promise<Manifest> =>
      descriptor.digest === root.descriptor.digest
        ? root
        : inLane(lanes, options, () => source.manifest(descriptor, options)),
  );
  return {
    manifest,
    config: async (image) => {
      const { document } = await manifest(image);
      if (document.kind !== "image")
        throw new WaybillError("invalid_manifest", `Cannot read image ${image.digest}: it is an index`);
      return inLane(lanes, options, () => readConfig(source, document.config, options));
    },
    blob: (descriptor, maxBytes) =>
      inLane(lanes, options, () => readSmallBlob(source, descriptor, { ...options, maxBytes })),
  };
}

/**
 * Finds the images and attestations below `root`. Asks for indexes inside the index, and for images whose descriptor has
 * no platform; nothing else. Where two images have the same platform the first counts.
 *
 * @throws WaybillError `invalid_digest` where an attestation names no digest; what the source throws.
 */
export async function survey(root: Manifest, reader: Reader): Promise<Survey> {
  if (root.document.kind === "image") return { images: new Map([["", root.descriptor]]), attestations: new Map() };
  const found = await surveyIndex(root.document, reader, new Set([root.descriptor.digest]));
  const images = new Map<string, Descriptor>();
  const attestations = new Map<Digest, Descriptor[]>();
  for (const { platform, subject, child } of found) {
    if (subject === undefined) images.set(platform, images.get(platform) ?? child);
    else attestations.set(subject, [...(attestations.get(subject) ?? []), child]);
  }
  return { images, attestations };
}

interface Found {
  readonly child: Descriptor;
  readonly platform: string;
  /** What it attests; an image attests nothing. */
  readonly subject?: Digest;
}

async function surveyIndex(index: Index, reader: Reader, above: ReadonlySet<Digest>): Promise<readonly Found[]> {
  const found = await Promise.all(index.manifests.map((child) => surveyChild(child, reader, above)));
  return found.flat();
}

async function surveyChild(child: Descriptor, reader: Reader, above: ReadonlySet<Digest>): Promise<readonly Found[]> {
  if (isIndexType(child.mediaType)) {
    if (above.size > deepestIndex || above.has(child.digest)) {
      throw new WaybillError("invalid_manifest", `Cannot inspect index ${child.digest}: indexes are nested too deep`);
    }
    const { document } = await reader.manifest(child);
    return document.kind === "index" ? surveyIndex(document, reader, new Set([...above, child.digest])) : [];
  }
  if (!isImageType(child.mediaType)) return [];
  const subject = subjectOf(child);
  if (subject !== undefined) return [{ child, platform: "", subject }];
  return [{ child, platform: platformKey(child.platform ?? (await configPlatform(child, reader))) }];
}

function subjectOf(child: Descriptor): Digest | undefined {
  const key = subjectKeys.find((key) => child.annotations?.[key] !== undefined);
  return key === undefined ? undefined : parseDigest(child.annotations?.[key] ?? "");
}

async function configPlatform(image: Descriptor, reader: Reader): Promise<Platform> {
  return platformOfConfig(await reader.config(image));
}

/** The key of a platform in a map of images. */
function platformKey(platform: Platform): string {
  return platform.os === "" ? "unknown" : formatPlatform(normalizePlatform(platform));
}

/** Whether an index has images for several platforms, as far as its own descriptors tell. */
export function looksMulti(root: Manifest): boolean {
  if (root.document.kind === "image") return false;
  const images = root.document.manifests.filter(
    (child) => isImageType(child.mediaType) && !subjectKeys.some((key) => child.annotations?.[key]),
  );
  return new Set(images.map((child) => (child.platform ? platformKey(child.platform) : child.digest))).size > 1;
}
