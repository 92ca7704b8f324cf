import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Index } from "../spec/manifest.ts";
import { formatPlatform, parsePlatform, platformMatches, type Platform } from "../spec/platform.ts";
import { rootOf, type Root } from "./assemble.ts";
import { subjectOfAttestation } from "./attestations.ts";

/**
 * Reads the values of `--platform`, each of which may be a list separated by commas.
 *
 * @throws WaybillError `invalid_platform`
 */
export function parsePlatforms(texts: readonly string[]): readonly Platform[] {
  return texts.flatMap((text) => text.split(",")).map(parsePlatform);
}

/**
 * `root` with the manifests of `platforms` only, those without a platform, and the attestations of what is kept. An empty
 * list keeps everything. Where nothing is dropped the root stays the same object, so its bytes and digest do too.
 *
 * @throws WaybillError `not_found` where nothing would be left, in buildx's words.
 */
export function selectPlatforms(root: Root, platforms: readonly Platform[]): Root {
  if (platforms.length === 0) return root;
  const { document } = root;
  if (document.kind === "index") return withChildren(root, document, keptOf(document, platforms));
  const { platform } = root.descriptor;
  if (!platform) throw nothingLeft("cannot filter platforms from a manifest without platform information");
  if (isWanted(platform, platforms)) return root;
  throw nothingLeft(`input platform ${describe(platform)} does not match any of the provided platforms`);
}

/** `root` as it is where `children` are its own; else the index written anew, with all else as it was. */
export function withChildren(root: Root, index: Index, children: readonly Descriptor[]): Root {
  const isSame =
    children.length === index.manifests.length && children.every((child, at) => child === index.manifests[at]);
  if (isSame) return root;
  const { descriptor, ...rest } = rootOf({ ...index, manifests: children }, root.origins);
  const { annotations } = root.descriptor;
  const replaces = root.replaces ?? replacedBy(root);
  return {
    ...rest,
    descriptor: { ...descriptor, ...(annotations && { annotations }) },
    ...(replaces && { replaces }),
  };
}

/** `root`, where it can be read somewhere as it is. */
function replacedBy({ descriptor: { digest }, origins }: Root): Root["replaces"] {
  const from = origins.get(digest);
  return from && { digest, from };
}

function keptOf(index: Index, platforms: readonly Platform[]): readonly Descriptor[] {
  const byDigest = new Map<string, Descriptor>(index.manifests.map((child) => [child.digest, child]));
  const kept = index.manifests.filter((child) => {
    if (isKept(child, platforms)) return true;
    const subject = byDigest.get(subjectOfAttestation(child) ?? "");
    return subject !== undefined && isKept(subject, platforms);
  });
  if (kept.length > 0) return kept;
  throw nothingLeft("none of the manifests match the provided platforms");
}

function isKept({ platform }: Descriptor, platforms: readonly Platform[]): boolean {
  return platform === undefined || isWanted(platform, platforms);
}

function isWanted(platform: Platform, platforms: readonly Platform[]): boolean {
  return platforms.some((wanted) => platformMatches(wanted, platform));
}

function describe(platform: Platform): string {
  return platform.os === "" ? "unknown" : formatPlatform(platform);
}

function nothingLeft(message: string): WaybillError {
  return new WaybillError("not_found", message);
}
