import { asReferrer } from "../content/needs.ts";
import { walk, type Expand } from "../content/graph.ts";
import type { CallOptions } from "../content/store.ts";
import { hasCode } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { isDigest, type Digest } from "../spec/digest.ts";
import { childrenOf, type Manifest } from "../spec/manifest.ts";
import { isManifestType } from "../spec/media-type.ts";
import { annotation, names, type Entry } from "./entries.ts";

export type ReadManifest = (target: Descriptor, options?: CallOptions) => Promise<Manifest>;

const attested = "vnd.docker.reference.digest";
const attestation = "application/vnd.docker.attestation.manifest.v1+json";

/** The manifests that `roots` lead to, themselves included. What is listed but not here is left out. */
export async function reachableFrom(
  roots: readonly Entry[],
  read: ReadManifest,
  options: CallOptions = {},
): Promise<ReadonlyMap<Digest, Manifest>> {
  const found = new Map<Digest, Manifest>();
  const expand: Expand = async (descriptor) => {
    if (!isManifestType(descriptor.mediaType) || found.has(descriptor.digest)) return [];
    const manifest = await readIfThere(descriptor, read, options);
    if (!manifest) return [];
    found.set(descriptor.digest, manifest);
    return childrenOf(manifest.document).filter((child) => isManifestType(child.mediaType));
  };
  for (const { descriptor } of roots) await walk(descriptor, expand, () => undefined, options);
  return found;
}

async function readIfThere(
  descriptor: Descriptor,
  read: ReadManifest,
  options: CallOptions,
): Promise<Manifest | undefined> {
  try {
    return await read(descriptor, options);
  } catch (error) {
    if (hasCode(error, "not_found")) return undefined;
    throw error;
  }
}

/**
 * Referrers by subject, as a layout knows them: attestations that stand beside their image in an index, manifests with a
 * subject, and entries that name one.
 */
export async function referrersIn(
  entries: readonly Entry[],
  read: ReadManifest,
  options: CallOptions = {},
): Promise<ReadonlyMap<string, readonly Descriptor[]>> {
  const manifests = await reachableFrom(entries, read, options);
  const bySubject = new Map<string, Map<Digest, Descriptor>>();
  const note = (subject: string | undefined, digest: Digest, artifactType?: string): void => {
    const manifest = manifests.get(digest);
    if (!manifest || !isDigest(subject)) return;
    const known = bySubject.get(subject) ?? new Map<Digest, Descriptor>();
    const referrer = asReferrer(manifest);
    if (artifactType || !known.has(digest)) known.set(digest, artifactType ? { ...referrer, artifactType } : referrer);
    bySubject.set(subject, known);
  };
  for (const [digest, { document }] of manifests) {
    note(document.subject?.digest, digest);
    for (const child of childrenOf(document))
      note(child.annotations?.[attested], child.digest, typeOf(manifests.get(child.digest)));
  }
  for (const entry of entries) note(annotation(entry, names.subject), entry.descriptor.digest);
  return new Map([...bySubject].map(([subject, known]) => [subject, [...known.values()]]));
}

/** Attestations of older builders do not say that they are; only their place in the index does. */
function typeOf(manifest: Manifest | undefined): string {
  return manifest?.document.artifactType ?? attestation;
}
