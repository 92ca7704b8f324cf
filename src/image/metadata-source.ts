import type { Digest } from "../spec/digest.ts";
import { parseReference, type Location } from "../spec/reference.ts";
import { claimedDigest } from "./claim.ts";
import type { SourceSpec } from "./source.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads what buildx, bake, or we ourselves write to a `--metadata-file`: one image, or an object of target to image. A bake
 * target that pushed nothing has no digest: it is passed over, and named. `undefined` where `raw` is no such file.
 *
 * @throws WaybillError `invalid_descriptor` where it is one, but its digest is none; `invalid_reference` for its name.
 */
export function metadataSources(raw: JsonObject): readonly SourceSpec[] | undefined {
  if (isImage(raw)) return [sourceOf(raw)];
  // A descriptor, or a manifest; bake may have targets of these names.
  if (["digest", "schemaVersion"].some((key) => Object.hasOwn(raw, key) && !isObject(raw[key]))) return undefined;
  const targets = Object.entries(raw).flatMap(([name, member]) => (isObject(member) ? [{ name, member }] : []));
  const [first, ...others] = targets.filter(({ member }) => isImage(member)).map(({ member }) => sourceOf(member));
  if (!first) return undefined;
  // Names with a dot are not targets but what bake says of them all.
  const passedOver = targets.flatMap(({ name, member }) => (isImage(member) || name.includes(".") ? [] : [name]));
  return [passedOver.length > 0 ? { ...first, passedOver } : first, ...others];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isImage(raw: JsonObject): boolean {
  return Object.hasOwn(raw, "containerimage.digest") || Object.hasOwn(raw, "containerimage.descriptor");
}

function sourceOf(raw: JsonObject): SourceSpec {
  const digest = digestOf(raw);
  const name = raw["image.name"];
  const first = typeof name === "string" ? firstName(name) : "";
  if (first === "") return { kind: "digest", text: digest, digest };
  return { kind: "reference", text: `${first}@${digest}`, reference: { location: locationOf(first), digest } };
}

const layoutScheme = "oci-layout://";

/** One image under several names, separated by commas: any of them will do. A layout's may hold commas itself, before which no host follows. */
function firstName(names: string): string {
  const separator = names.startsWith(layoutScheme) ? /,(?=oci-layout:|(?:localhost|[\w-]*[.:[][^/,]*)\/)/ : ",";
  return (names.split(separator, 1)[0] ?? "").trim();
}

/** Names of layouts are written without tag: with one behind it, a colon of the path is none. */
function locationOf(name: string): Location {
  return parseReference(name.startsWith(layoutScheme) ? `${name}:latest` : name).location;
}

function digestOf(raw: JsonObject): Digest {
  const descriptor = raw["containerimage.descriptor"];
  return claimedDigest(raw["containerimage.digest"] ?? (isObject(descriptor) ? descriptor["digest"] : undefined));
}
