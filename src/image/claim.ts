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
import { isDigest } from "../spec/digest.ts";
import { parseJson } from "../spec/json.ts";

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
 * Reads the JSON of a descriptor that the user gives as a source.
 *
 * @throws WaybillError `invalid_descriptor`, in buildx's words where it has some.
 */
export function parseClaim(text: string): Claim {
  const raw = parseClaimJson(text);
  const { schemaVersion, digest } = raw;
  if (schemaVersion !== undefined && schemaVersion !== null && schemaVersion !== 0) {
    const version = typeof schemaVersion === "number" ? schemaVersion : "unknown";
    throw refuse(`expected an OCI content descriptor, got a manifest or index (schemaVersion ${version})`);
  }
  if (digest === undefined || digest === null || digest === "") {
    throw refuse("invalid descriptor: digest is required");
  }
  if (!isDigest(digest)) throw refuse("invalid descriptor digest: expected sha256 or sha512 in lower-case hex");
  const result = v.safeParse(claimSchema, raw);
  if (!result.success) throw refuse(`invalid descriptor: ${issueOf(result.issues)}`);
  return { digest, ...present(result.output) };
}

function parseClaimJson(text: string): Record<string, unknown> {
  const raw = parseJson(text, { what: "descriptor" });
  if (typeof raw === "object" && raw !== null && !Array.isArray(raw)) return raw as Record<string, unknown>;
  throw refuse("expected an OCI content descriptor");
}

function present(raw: v.InferOutput<typeof claimSchema>): Partial<Descriptor> {
  const { mediaType, size, urls, annotations, data, platform, artifactType } = raw;
  const claimed = { mediaType, size, urls, annotations, data, platform, artifactType };
  const entries = Object.entries(claimed).map(([key, value]) => [key, blankAsAbsent<unknown>(value)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Partial<Descriptor>;
}

function refuse(why: string): WaybillError {
  return new WaybillError("invalid_descriptor", why);
}
