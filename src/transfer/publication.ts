import { createHash } from "node:crypto";
import * as v from "valibot";
import { WaybillError } from "../errors.ts";
import { issueOf, mediaTypeSchema, sizeSchema } from "../spec/descriptor.ts";
import { digestOf, algorithmOf, isDigest, type Digest } from "../spec/digest.ts";
import { parseManifest } from "../spec/manifest.ts";
import { recordOf } from "../spec/record-schema.ts";
import { formatLocation, isTag, parseReference, type Location } from "../spec/reference.ts";
import type { ClosureRoot } from "./closure.ts";
import type { PublishTarget } from "./look.ts";
import { noNames, type NamesOfTags } from "./named.ts";
import { onErrorPolicies, onTagErrorPolicies, strategies, verifyPolicies, type PublishPolicy } from "./policy.ts";

/**
 * What a publish is to do: plain JSON, enough for another process on another machine to finish it or to undo it. Content is
 * named by digest, so that nothing but the same image can come of it. Holds no secret.
 */
export interface Publication {
  /** What the tags shall name; `bytes` in base64. */
  readonly root: {
    readonly mediaType: string;
    readonly digest: Digest;
    readonly size: number;
    readonly bytes: string;
  };
  /** Where the root and what it lists can be read, by digest, best first; the root is not there where it was assembled. */
  readonly origins: Readonly<Record<string, readonly string[]>>;
  /** Which referrers travel along, as `--referrers` takes it. */
  readonly referrers: string;
  readonly policy: PublishPolicy;
  readonly targets: readonly PublicationTarget[];
}

/** One repository or layout, its tags in the order in which they are written, and what each named before. */
export interface PublicationTarget {
  readonly target: string;
  readonly tags: readonly string[];
  /** A tag of which nobody knows it is not in it. */
  readonly before: NamesOfTags;
}

/** A target and what its tags name, where that is known. */
export interface SeenTarget {
  readonly target: PublishTarget;
  readonly before?: NamesOfTags;
}

export interface PublicationOptions {
  readonly referrers: string;
  readonly policy: PublishPolicy;
}

/** Describes what is about to be published. */
export function publicationOf(
  { manifest, origins }: Pick<ClosureRoot, "manifest" | "origins">,
  looked: readonly SeenTarget[],
  { referrers, policy }: PublicationOptions,
): Publication {
  const { mediaType, digest, size } = manifest.descriptor;
  return {
    root: { mediaType, digest, size, bytes: Buffer.from(manifest.bytes).toString("base64") },
    origins: Object.fromEntries([...origins].map(([child, places]) => [child, places.map(formatLocation)])),
    referrers,
    policy,
    targets: looked.map((entry) => ({
      target: formatLocation(entry.target.at),
      tags: entry.target.tags,
      before: entry.before ?? noNames,
    })),
  };
}

/** Sixteen hex digits that are the same for the same root, targets and tags: a rerun finds what an earlier run left. */
export function publicationId({ root, targets }: Pick<Publication, "root" | "targets">): string {
  const told = [root.digest, ...targets.map(({ target, tags }) => [target, ...tags])];
  return createHash("sha256").update(JSON.stringify(told)).digest("hex").slice(0, 16);
}

/** Where a publication's content comes from. @throws WaybillError `invalid_manifest`, `digest_mismatch` */
export function closureRootOf(publication: Publication): ClosureRoot {
  const { digest, mediaType, bytes } = publication.root;
  const raw = Buffer.from(bytes, "base64");
  const seen = digestOf(raw, algorithmOf(digest));
  if (seen !== digest) {
    throw new WaybillError(
      "digest_mismatch",
      `Cannot go on: the record holds another root: expected ${digest}, got ${seen}`,
    );
  }
  const places = Object.entries(publication.origins).map(
    ([child, texts]) => [child as Digest, texts.map(locationOf)] as const,
  );
  const origins = new Map(places);
  // Whoever published it has accepted as many descriptors as it has.
  const manifest = parseManifest(raw, { mediaType, digest, maxDescriptors: Number.POSITIVE_INFINITY });
  return { manifest, from: origins.get(digest) ?? [], origins };
}

/** Where a publication goes, in the order that was given. */
export function targetsOf({ targets }: Publication): readonly PublishTarget[] {
  return targets.map(({ target, tags }) => ({ at: locationOf(target), tags }));
}

/** The place that `formatLocation` has written. @throws WaybillError `invalid_reference` */
export function locationOf(text: string): Location {
  return parseReference(`${text}:latest`).location;
}

const digest = v.custom<Digest>(isDigest, "not a digest");
const place = v.pipe(v.string(), v.maxLength(4096), v.check(isLocation, "not a repository or layout"));
const tag = v.pipe(v.string(), v.check(isTag, "not a tag"));
const maxRootBytes = 8 * 1024 * 1024;

/** What tags named. */
export const beforeSchema: v.GenericSchema<unknown, NamesOfTags> = recordOf(
  tag,
  v.union([digest, v.literal("absent")]),
);

/** A publication that was written down. */
export const publicationSchema: v.GenericSchema<unknown, Publication> = v.object({
  root: v.object({
    mediaType: mediaTypeSchema,
    digest,
    size: sizeSchema,
    bytes: v.pipe(v.string(), v.maxLength(maxRootBytes), v.base64()),
  }),
  origins: recordOf(v.custom<string>(isDigest, "not a digest"), v.pipe(v.array(place), v.maxLength(100))),
  referrers: v.pipe(v.string(), v.maxLength(4096)),
  policy: v.object({
    onError: v.picklist(onErrorPolicies),
    onTagError: v.optional(v.picklist(onTagErrorPolicies)),
    verify: v.optional(v.picklist(verifyPolicies)),
    deleteCreatedTags: v.optional(v.boolean()),
    noClobber: v.optional(v.boolean()),
    compare: v.optional(v.boolean()),
    strategy: v.optional(v.picklist(strategies)),
  }),
  targets: v.pipe(
    v.array(v.object({ target: place, tags: v.array(tag), before: beforeSchema })),
    v.minLength(1),
    v.maxLength(1000),
  ),
});

/** Reads a publication that was written down. @throws WaybillError `invalid_argument` */
export function parsePublication(raw: unknown, what: string): Publication {
  const result = v.safeParse(publicationSchema, raw);
  if (result.success) return result.output;
  throw new WaybillError("invalid_argument", `Cannot read ${what}: ${issueOf(result.issues)}`);
}

function isLocation(text: string): boolean {
  try {
    return formatLocation(locationOf(text)) === text;
  } catch {
    return false;
  }
}
