import * as v from "valibot";
import { WaybillError } from "../errors.ts";
import { isDigest, type Digest } from "./digest.ts";
import { isUnambiguous, stringMap, type StringMap } from "./json.ts";
import type { Platform } from "./platform.ts";

/** What content is, how large, and its address. Spec: image-spec v1.1.1, "OCI Content Descriptors". */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: StringMap;
  /** The content itself in base64, where it is small. */
  readonly data?: string;
  readonly platform?: Platform;
  readonly artifactType?: string;
}

/** A size in bytes that a number holds exactly. */
export const sizeSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** A media type as in RFC 6838, with parameters or without, and nothing that could break a header. */
export const mediaTypeSchema = v.pipe(
  v.string(),
  v.maxLength(1024),
  v.regex(/^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[\w!#$&^.+-]{1,127}(?: *;[\x20-\x7e]*)?$/),
);
const text = v.pipe(v.string(), v.maxLength(4096));

/** A map of strings; its keys may be anything, `__proto__` included. */
export const annotationsSchema = v.pipe(
  v.custom<Record<string, unknown>>(
    (input) => typeof input === "object" && input !== null && !Array.isArray(input),
    "not an object",
  ),
  v.check((input) => Object.values(input).every((value) => typeof value === "string"), "not all values are strings"),
  v.transform((input): StringMap => stringMap(Object.entries(input) as [string, string][])),
);

const ambiguous = "not an object, or the name of a member is written in the wrong case";
const platformMembers = ["architecture", "os", "os.version", "os.features", "variant"];

/** A platform as it stands in a manifest: not normalised, and empty where it does not say. */
export const platformSchema = v.pipe(
  v.custom<object>((raw) => isUnambiguous(raw, platformMembers), ambiguous),
  v.object({
    architecture: v.optional(text, ""),
    os: v.optional(text, ""),
    "os.version": v.optional(text),
    "os.features": v.optional(v.nullable(v.array(text))),
    variant: v.optional(text),
  }),
  v.transform((raw): Platform => ({
    architecture: raw.architecture,
    os: raw.os,
    ...(raw["os.version"] !== undefined && { osVersion: raw["os.version"] }),
    ...(raw["os.features"] && { osFeatures: raw["os.features"] }),
    ...(raw.variant !== undefined && { variant: raw.variant }),
  })),
);

const descriptorMembers = ["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];

/** Reads one descriptor of a manifest from outside. Unknown members are dropped: whoever needs them keeps the raw bytes. */
export const descriptorSchema = v.pipe(
  v.custom<object>((raw) => isUnambiguous(raw, descriptorMembers), ambiguous),
  v.object({
    mediaType: mediaTypeSchema,
    digest: v.custom<Digest>(isDigest, "expected sha256 or sha512 in lower-case hex"),
    size: sizeSchema,
    urls: v.optional(v.nullable(v.array(v.string()))),
    annotations: v.optional(v.nullable(annotationsSchema)),
    data: v.optional(v.nullable(v.string())),
    platform: v.optional(v.nullable(platformSchema)),
    artifactType: v.optional(v.string()),
  }),
  v.transform((raw): Descriptor => ({
    mediaType: raw.mediaType,
    digest: raw.digest,
    size: raw.size,
    ...(raw.urls && { urls: raw.urls }),
    ...(raw.annotations && { annotations: raw.annotations }),
    ...(raw.data && { data: raw.data }),
    ...(raw.platform && { platform: raw.platform }),
    ...(raw.artifactType && { artifactType: raw.artifactType }),
  })),
);

/**
 * Reads a descriptor from JSON that has been parsed. What the specification does not name is dropped.
 *
 * @param what How messages call it.
 * @throws WaybillError `invalid_manifest`, naming the first member that is wrong and never its value.
 * Spec: image-spec v1.1.1, "OCI Content Descriptors".
 */
export function parseDescriptor(raw: unknown, what = "descriptor"): Descriptor {
  const result = v.safeParse(descriptorSchema, raw);
  if (result.success) return result.output;
  throw new WaybillError("invalid_manifest", `Cannot read ${what}: ${issueOf(result.issues)}`);
}

/**
 * `layers.3.size is not valid`: where, without the foreign value. Our own checks add what they say: those of `v.custom` and
 * `v.check`, which all come with a message, because that of valibot quotes the value.
 */
export function issueOf(issues: readonly v.BaseIssue<unknown>[]): string {
  const issue = issues[0];
  if (!issue) return "invalid";
  const path = issue.path?.map((item) => String(item.key)).join(".") ?? "";
  const isOurs = issue.type === "custom" || issue.type === "check";
  return `${path || "document"} is not valid${isOurs ? `: ${issue.message}` : ""}`;
}

/** The members in the order and spelling of image-spec's Go structs, ready for `goJson`. */
export function descriptorJson(descriptor: Descriptor): object {
  const { platform } = descriptor;
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    urls: nonEmpty(descriptor.urls),
    annotations: annotationsJson(descriptor.annotations),
    data: descriptor.data || undefined,
    platform: platform && platformJson(platform),
    artifactType: descriptor.artifactType || undefined,
  };
}

/** A map that `goJson` sorts; `undefined`, and so left out, where it is empty. */
export function annotationsJson(annotations: StringMap = {}): StringMap | undefined {
  const entries = Object.entries(annotations);
  return entries.length > 0 ? stringMap(entries) : undefined;
}

/** The members in the order and spelling of image-spec's Go structs, ready for `goJson`. */
export function platformJson(platform: Platform): object {
  return {
    architecture: platform.architecture,
    os: platform.os,
    "os.version": platform.osVersion || undefined,
    "os.features": nonEmpty(platform.osFeatures),
    variant: platform.variant || undefined,
  };
}

function nonEmpty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list && list.length > 0 ? list : undefined;
}
