import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { artifactTypeOf, childrenOf, type Manifest } from "../spec/manifest.ts";
import { isForeignLayerType } from "../spec/media-type.ts";
import { isTag } from "../spec/reference.ts";

/** The children that a store must hold before it may take `manifest`: all but layers that live elsewhere by design. */
export function neededBy(manifest: Manifest): readonly Descriptor[] {
  return childrenOf(manifest.document).filter((child) => !isForeignLayerType(child.mediaType));
}

/** The error of a store that is given a manifest before its children. */
export function childrenMissing(digest: Digest, children: readonly Descriptor[]): WaybillError {
  const missing = [...new Set(children.map((child) => child.digest))];
  const message = `Cannot store manifest ${digest}: ${missing.length} of its children are missing`;
  return new WaybillError("blob_unknown", message, { subject: digest, missing, side: "target" });
}

/** @throws WaybillError `invalid_reference` where one of `tags` is not a tag. */
export function requireTags(tags: readonly string[]): void {
  const wrong = tags.find((tag) => !isTag(tag));
  if (wrong === undefined) return;
  const why = "it may hold letters, digits, _ . and -, at most 128";
  throw new WaybillError("invalid_reference", `Cannot write tag "${wrong.slice(0, 140)}": ${why}`);
}

/** How `manifest` is listed among the referrers of its subject. Spec: distribution-spec v1.1.1, "Listing Referrers". */
export function asReferrer(manifest: Manifest): Descriptor {
  const { mediaType, digest, size } = manifest.descriptor;
  const { annotations } = manifest.document;
  const artifactType = artifactTypeOf(manifest.document);
  return { mediaType, digest, size, ...(annotations && { annotations }), ...(artifactType && { artifactType }) };
}
