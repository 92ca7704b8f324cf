import { asReferrer } from "../content/needs.ts";
import type { CallOptions } from "../content/store.ts";
import { hasCode, WaybillError } from "../errors.ts";
import { attestationArtifactType, attestationKeys } from "../spec/attestation.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { isDigest, type Digest } from "../spec/digest.ts";
import { childrenOf, type Manifest } from "../spec/manifest.ts";
import { isManifestType } from "../spec/media-type.ts";
import { annotation, names, type Entry } from "./entries.ts";

export type ReadManifest = (target: Descriptor, options?: CallOptions) => Promise<Manifest>;

/**
 * The manifests that `roots` lead to, themselves included. What is listed but not here is left out.
 *
 * @throws WaybillError `too_large` where one of them leads deeper than eight levels, or to more than 100,000 manifests.
 */
export async function reachableFrom(
  roots: readonly Entry[],
  read: ReadManifest,
  options: CallOptions = {},
): Promise<ReadonlyMap<Digest, Manifest>> {
  const found = new Map<Digest, Manifest>();
  for (const { descriptor } of roots)
    await addReachable(descriptor, found, (target) => readIfThere(target, read, options));
  return found;
}

const readsAtOnce = 16;
/** Levels below a root. */
const maxDepth = 8;
/** Manifests below one root. */
const maxCount = 100_000;

/** Adds to `found` what `root` leads to and is not in it yet. @throws WaybillError `too_large` */
async function addReachable(
  root: Descriptor,
  found: Map<Digest, Manifest>,
  read: (target: Descriptor) => Promise<Manifest | undefined>,
): Promise<void> {
  const waiting: { readonly target: Descriptor; readonly depth: number }[] = [];
  const known = new Set<Digest>();
  const add = (target: Descriptor, depth: number): void => {
    if (!isManifestType(target.mediaType) || found.has(target.digest) || known.has(target.digest)) return;
    if (depth > maxDepth) throw tooLarge(root, `it is nested deeper than ${maxDepth} levels`);
    if (known.size >= maxCount) throw tooLarge(root, `it refers to more than ${maxCount} manifests`);
    known.add(target.digest);
    waiting.push({ target, depth });
  };
  add(root, 0);
  while (waiting.length > 0) {
    const batch = waiting.splice(0, readsAtOnce);
    const answers = await Promise.all(
      batch.map(async ({ target, depth }) => ({ manifest: await read(target), depth })),
    );
    for (const { manifest, depth } of answers) {
      if (!manifest) continue;
      found.set(manifest.descriptor.digest, manifest);
      for (const child of childrenOf(manifest.document)) add(child, depth + 1);
    }
  }
}

function tooLarge(root: Descriptor, why: string): WaybillError {
  return new WaybillError("too_large", `Cannot follow ${root.digest}: ${why}`, { subject: root.digest });
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
      note(child.annotations?.[attestationKeys.subject], child.digest, typeOf(manifests.get(child.digest)));
  }
  for (const entry of entries) note(annotation(entry, names.subject), entry.descriptor.digest);
  return new Map([...bySubject].map(([subject, known]) => [subject, [...known.values()]]));
}

/** Attestations of older builders do not say that they are; only their place in the index does. */
function typeOf(manifest: Manifest | undefined): string {
  return manifest?.document.artifactType ?? attestationArtifactType;
}
