import * as v from "valibot";
import { WaybillError } from "../errors.ts";
import { annotationsSchema, descriptorSchema, issueOf, type Descriptor } from "./descriptor.ts";
import { digestOf, type Digest } from "./digest.ts";
import { isUnambiguous, parseJson, type StringMap } from "./json.ts";
import { essence, isImageType, isIndexType, isManifestType, isSchema1Type, mediaTypes } from "./media-type.ts";

/** Spec: image-spec v1.1.1, "Image Manifest"; docker image manifest v2, schema 2. */
export interface ImageManifest {
  readonly kind: "image";
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  readonly annotations?: StringMap;
}

/** Spec: image-spec v1.1.1, "Image Index"; docker manifest list. */
export interface Index {
  readonly kind: "index";
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  readonly annotations?: StringMap;
}

/** The largest manifest that is read or written. Spec: distribution-spec v1.1.1, "Pushing Manifests". */
export const maxManifestBytes = 4 * 1024 * 1024;

/** The most descriptors in a manifest that is read or written, where nothing else was said. */
export const defaultMaxDescriptors = 5000;

/** The exact bytes of a manifest, which its digest speaks of, beside what we understood of them. */
export interface Manifest {
  /** `mediaType`, `digest` and `size` of `bytes`. */
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly document: ImageManifest | Index;
}

/** What is known of a manifest's bytes before they are read, and how much they may hold. */
export interface ManifestOptions {
  /** The media type that a header or a descriptor claims. Generic types count as no claim. */
  readonly mediaType?: string;
  /** The digest whose content this is, when the caller has verified it; default: sha256 of the bytes. */
  readonly digest?: Digest;
  /** Most descriptors in one manifest; default 5,000. */
  readonly maxDescriptors?: number;
}

const common = {
  schemaVersion: v.optional(v.number()),
  mediaType: v.optional(v.string()),
  artifactType: v.optional(v.string()),
  subject: v.optional(v.nullable(descriptorSchema)),
  annotations: v.optional(v.nullable(annotationsSchema)),
};
const imageSchema = v.object({
  ...common,
  config: descriptorSchema,
  layers: v.optional(v.nullable(v.array(descriptorSchema))),
});
const indexSchema = v.object({ ...common, manifests: v.optional(v.nullable(v.array(descriptorSchema))) });

/**
 * Understands the bytes of an image manifest or an index.
 *
 * @throws WaybillError `invalid_manifest` where it is neither, is both, contradicts `options.mediaType`, or is docker
 *   schema 1; `too_large` above 4 MiB, 64 levels or `maxDescriptors`.
 */
export function parseManifest(bytes: Uint8Array, options: ManifestOptions = {}): Manifest {
  const raw = parseJson(bytes, { what: "manifest", maxBytes: maxManifestBytes });
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw refuse("it is not a JSON object");
  if (!isUnambiguous(raw, decisive)) throw refuse("the name of a member is written in the wrong case");
  refuseInexactSizes(bytes);
  const mediaType = settleMediaType(raw, options.mediaType);
  const members = raw as { layers?: unknown; manifests?: unknown };
  const count = lengthOf(members.layers) + lengthOf(members.manifests);
  const { maxDescriptors = defaultMaxDescriptors } = options;
  if (count > maxDescriptors) {
    throw new WaybillError("too_large", `Cannot read manifest: ${count} descriptors are more than ${maxDescriptors}`);
  }
  const document = isIndexType(mediaType) ? readIndex(raw, mediaType) : readImage(raw, mediaType);
  const digest = options.digest ?? digestOf(bytes);
  const { artifactType } = document;
  return {
    descriptor: { mediaType, digest, size: bytes.byteLength, ...(artifactType && { artifactType }) },
    bytes,
    document,
  };
}

const decisive = ["schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject"];

/** Each letter may be written as itself or as its escape. */
const sizeMember = /"(?:s|\\u0073)(?:i|\\u0069)(?:z|\\u007[aA])(?:e|\\u0065)"\s*:\s*(-?[0-9][0-9.eE+-]*)/g;

/** The parser rounds numbers that the raw text still shows: 1.0000000000000000001 and -0 are no sizes. */
function refuseInexactSizes(bytes: Uint8Array): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  for (const [, number = ""] of text.matchAll(sizeMember)) {
    if (!/^(?:0|[1-9][0-9]{0,15})$/.test(number)) throw refuse("a size is not a whole number");
  }
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}

/**
 * The one type that header and body agree on. A document that can be read as two kinds is refused, because a registry
 * could show one kind to us and the other to somebody else (CVE-2021-41190).
 */
function settleMediaType(raw: Record<string, unknown>, claimed: string | undefined): string {
  const inBody = typeof raw["mediaType"] === "string" ? essence(raw["mediaType"]) : "";
  const inHeader = claimed === undefined ? "" : essence(claimed);
  const specific = isManifestType(inHeader) || isSchema1Type(inHeader);
  if (Object.hasOwn(raw, "manifests") && (Object.hasOwn(raw, "layers") || Object.hasOwn(raw, "config"))) {
    throw refuse("it is an index and an image at once");
  }
  if (inHeader === "text/html")
    throw new WaybillError("not_a_registry", "Cannot read manifest: the answer is a web page");
  if (specific && inBody !== "" && inHeader !== inBody)
    throw refuse(`it was announced as ${inHeader}, but says that it is another type`);
  const settled = specific ? inHeader : inBody || detectMediaType(raw);
  if (isSchema1Type(settled))
    throw refuse("schema1 manifests are not allowed in manifest lists; push the image anew with a current docker");
  if (!isManifestType(settled)) throw refuse("its media type is neither an image's nor an index's");
  if (isImageType(settled) === Object.hasOwn(raw, "manifests")) throw refuse(`it is not what ${settled} says`);
  return settled;
}

/** For documents without a `mediaType`: the members tell, as in buildx. */
function detectMediaType(raw: Record<string, unknown>): string {
  if (Object.hasOwn(raw, "fsLayers")) return mediaTypes.dockerSchema1;
  if (Object.hasOwn(raw, "config") || Object.hasOwn(raw, "layers"))
    return detectFamily(raw["config"], mediaTypes.ociManifest, mediaTypes.dockerManifest);
  if (Object.hasOwn(raw, "manifests")) return mediaTypes.ociIndex;
  throw refuse("it has neither config nor manifests");
}

function detectFamily(config: unknown, oci: string, docker: string): string {
  const type =
    typeof config === "object" && config !== null ? (config as { mediaType?: unknown }).mediaType : undefined;
  return typeof type === "string" && type.startsWith("application/vnd.oci.") ? oci : docker;
}

function readImage(raw: unknown, mediaType: string): ImageManifest {
  const result = v.safeParse(imageSchema, raw);
  if (!result.success) throw refuse(issueOf(result.issues));
  const { config, layers } = result.output;
  return { kind: "image", mediaType, config, layers: layers ?? [], ...shared(result.output) };
}

function readIndex(raw: unknown, mediaType: string): Index {
  const result = v.safeParse(indexSchema, raw);
  if (!result.success) throw refuse(issueOf(result.issues));
  return { kind: "index", mediaType, manifests: result.output.manifests ?? [], ...shared(result.output) };
}

function shared(raw: { artifactType?: string; subject?: Descriptor | null; annotations?: StringMap | null }) {
  return {
    ...(raw.artifactType && { artifactType: raw.artifactType }),
    ...(raw.subject && { subject: raw.subject }),
    ...(raw.annotations && { annotations: raw.annotations }),
  };
}

function refuse(why: string): WaybillError {
  return new WaybillError("invalid_manifest", `Cannot read manifest: ${why}`);
}

/** What a manifest refers to and needs in order to be complete: config and layers, or the manifests of an index. Not its subject. */
export function childrenOf(document: ImageManifest | Index): readonly Descriptor[] {
  return document.kind === "index" ? document.manifests : [document.config, ...document.layers];
}

/** The type that referrers are listed by. Spec: image-spec v1.1.1, "Guidelines for Artifact Usage". */
export function artifactTypeOf(document: ImageManifest | Index): string | undefined {
  return document.artifactType ?? (document.kind === "image" ? document.config.mediaType : undefined);
}
