import type { CallOptions, Source } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { parseManifest, type ImageManifest, type Manifest } from "../spec/manifest.ts";
import type { Platform } from "../spec/platform.ts";
import type { Location } from "../spec/reference.ts";
import type { Part } from "./assemble.ts";
import type { Claim } from "./claim.ts";
import { completed, platformOfConfig, readConfig } from "./config.ts";
import type { LocatedSource } from "./source.ts";

/** Reads that several sources share: the same place is opened once, the same manifest fetched once. */
export interface SharedReads {
  readonly options: CallOptions;
  source(location: Location): Promise<Source>;
  manifest(location: Location, name: string): Promise<Manifest>;
  /** Everything that refers to `subject`; asked for once for each place. */
  referrers(location: Location, subject: Digest): Promise<readonly Descriptor[]>;
}

/**
 * Reads one source: its manifest in one trip, and its config where the platform is not told otherwise.
 *
 * @throws WaybillError `size_mismatch` where the manifest is not of the size that the user said; whatever the source throws.
 */
export async function readPart(located: LocatedSource, reads: SharedReads): Promise<Part> {
  const { location, name, claim, keepsClaim } = located;
  const fetched = await reads.manifest(location, name);
  const manifest = claim?.mediaType === undefined ? fetched : readAs(claim.mediaType, fetched);
  const listed = claim ? claimed(manifest.descriptor, claim, keepsClaim) : bare(manifest.descriptor);
  const { document } = manifest;
  if (document.kind === "index") return { location, manifest, descriptor: listed };
  const platform = await platformOf(document, listed.platform, async () =>
    readConfig(await reads.source(location), document.config, reads.options),
  );
  return { location, manifest, descriptor: { ...listed, platform } };
}

/** The manifest again, which was read within the limits, with the user's word for its type where its bytes do not tell. */
function readAs(mediaType: string, { bytes, descriptor }: Manifest): Manifest {
  return parseManifest(bytes, { mediaType, digest: descriptor.digest, maxDescriptors: Number.POSITIVE_INFINITY });
}

function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/** What the manifest is, with what the user said of it on top: their annotations replace, and so can remove. */
function claimed(actual: Descriptor, claim: Claim, isKeptWhole: boolean): Descriptor {
  const { size, platform, annotations, urls, data, artifactType } = claim;
  if (size !== undefined && size !== actual.size) {
    const message = `invalid size mismatch for ${actual.digest}, ${size} != ${actual.size}`;
    throw new WaybillError("size_mismatch", message, { subject: actual.digest });
  }
  return {
    ...bare(actual),
    ...(annotations && Object.keys(annotations).length > 0 && { annotations }),
    ...(platform && { platform }),
    ...(isKeptWhole && { ...(urls && { urls }), ...(data && { data }), ...(artifactType && { artifactType }) }),
  };
}

async function platformOf(
  document: ImageManifest,
  known: Platform | undefined,
  config: () => Promise<unknown>,
): Promise<Platform> {
  if (known && known.os !== "" && known.architecture !== "") return known;
  return completed(known, platformOfConfig(await config()));
}
