import { WaybillError } from "../errors.ts";
import { isDigest, type Digest } from "../spec/digest.ts";
import { parseJson } from "../spec/json.ts";
import { parseReference } from "../spec/reference.ts";
import type { SourceSpec } from "./source.ts";

// Provenance in full is part of a metadata file and can be long.
const maxBytes = 32 * 1024 * 1024;

/**
 * Reads what buildx, bake, or we ourselves write to a `--metadata-file`: one image, or an object of target to image. A bake
 * target that pushed nothing has no digest and is passed over. `undefined` where `text` is no such file.
 *
 * @throws WaybillError `invalid_descriptor` where it is one, but its digest is none; `invalid_reference` for its name.
 */
export function metadataSources(text: string): readonly SourceSpec[] | undefined {
  const raw = parseJson(text, { what: "source", maxBytes });
  if (!isObject(raw)) return undefined;
  if (isImage(raw)) return [sourceOf(raw)];
  if (Object.hasOwn(raw, "digest") || Object.hasOwn(raw, "schemaVersion")) return undefined;
  const images = Object.values(raw).filter((member) => isObject(member) && isImage(member));
  return images.length === 0 ? undefined : images.map((image) => sourceOf(image as Record<string, unknown>));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isImage(raw: Record<string, unknown>): boolean {
  return Object.hasOwn(raw, "containerimage.digest") || Object.hasOwn(raw, "containerimage.descriptor");
}

function sourceOf(raw: Record<string, unknown>): SourceSpec {
  const digest = digestOf(raw);
  const name = raw["image.name"];
  // One image under several names, separated by commas: any of them will do.
  const first = typeof name === "string" ? (name.split(",", 1)[0] ?? "").trim() : "";
  if (first === "") return { kind: "digest", text: digest, digest };
  const { location } = parseReference(first);
  return { kind: "reference", text: `${first}@${digest}`, reference: { location, digest } };
}

function digestOf(raw: Record<string, unknown>): Digest {
  const descriptor = raw["containerimage.descriptor"];
  const digest = raw["containerimage.digest"] ?? (isObject(descriptor) ? descriptor["digest"] : undefined);
  if (isDigest(digest)) return digest;
  throw new WaybillError(
    "invalid_descriptor",
    "invalid descriptor digest: expected sha256 or sha512 in lower-case hex",
  );
}
