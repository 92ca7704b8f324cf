import * as v from "valibot";
import { WaybillError } from "../errors.ts";
import {
  annotationsSchema,
  issueOf,
  mediaTypeSchema,
  platformSchema,
  sizeSchema,
  type Descriptor,
} from "../spec/descriptor.ts";
import { isDigest, type Digest } from "../spec/digest.ts";

/** A descriptor of which only the digest is certain: the rest is what somebody says of the content, where they said it. */
export type Claim = Pick<Descriptor, "digest"> & Partial<Descriptor>;

const blankAsAbsent = <T>(value: T | null | undefined | ""): T | undefined => value || undefined;

const claimSchema = v.object({
  mediaType: v.optional(v.nullable(v.union([v.literal(""), mediaTypeSchema]))),
  size: v.optional(v.nullable(sizeSchema)),
  urls: v.optional(v.nullable(v.array(v.string()))),
  annotations: v.optional(v.nullable(annotationsSchema)),
  data: v.optional(v.nullable(v.string())),
  platform: v.optional(v.nullable(platformSchema)),
  artifactType: v.optional(v.nullable(v.string())),
});

/**
 * Reads a descriptor that the user gives as a source.
 *
 * @throws WaybillError `invalid_descriptor`, in buildx's words where it has some.
 */
export function parseClaim(raw: Readonly<Record<string, unknown>>): Claim {
  const { schemaVersion } = raw;
  if (schemaVersion !== undefined && schemaVersion !== null && schemaVersion !== 0) {
    const version = typeof schemaVersion === "number" ? schemaVersion : "unknown";
    throw refuse(`expected an OCI content descriptor, got a manifest or index (schemaVersion ${version})`);
  }
  const digest = claimedDigest(raw["digest"]);
  const result = v.safeParse(claimSchema, raw);
  if (!result.success) throw refuse(`invalid descriptor: ${issueOf(result.issues)}`);
  return { digest, ...present(result.output) };
}

/** @throws WaybillError `invalid_descriptor` where a descriptor's `digest` is missing or none. */
export function claimedDigest(digest: unknown): Digest {
  if (isDigest(digest)) return digest;
  if (digest === undefined || digest === null || digest === "") throw refuse("invalid descriptor: digest is required");
  throw refuse(`invalid descriptor digest: ${digestProblem(typeof digest === "string" ? digest : "")}`);
}

/** What is wrong with `text` as a digest, in the words of Go's digest library. */
export function digestProblem(text: string): string {
  const [, algorithm, hex = ""] = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([\w=-]+)$/i.exec(text) ?? [];
  if (algorithm === undefined) return "invalid checksum digest format";
  if (algorithm !== "sha256" && algorithm !== "sha512") return "unsupported digest algorithm";
  return /^[0-9a-f]+$/.test(hex) ? "invalid checksum digest length" : "invalid checksum digest format";
}

function present(raw: v.InferOutput<typeof claimSchema>): Partial<Descriptor> {
  const { mediaType, size, urls, annotations, data, platform, artifactType } = raw;
  const claimed = { mediaType, size, urls, annotations, data, platform, artifactType };
  const entries = Object.entries(claimed).map(([key, value]) => [key, blankAsAbsent<unknown>(value)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function refuse(why: string): WaybillError {
  return new WaybillError("invalid_descriptor", why);
}
