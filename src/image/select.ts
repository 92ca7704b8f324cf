import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Index } from "../spec/manifest.ts";
import { formatPlatform, isUnknownPlatform, parsePlatform, platformMatches, type Platform } from "../spec/platform.ts";
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
  if (document.kind === "index") {
    const kept = keptOf(document, platforms);
    if (kept.length > 0) return withChildren(root, document, kept);
    throw nothingLeft("none of the manifests match the provided platforms", inText(platformsOf(root)));
  }
  const { platform } = root.descriptor;
  if (!platform) throw nothingLeft("cannot filter platforms from a manifest without platform information");
  if (isWanted(platform, platforms)) return root;
  throw nothingLeft(`input platform ${describe(platform)} does not match any of the provided platforms`);
}

/** Platforms that were asked for in vain. */
export interface AbsentPlatforms {
  /** Those that nothing is of, in text; empty where all were found. */
  readonly wanted: readonly string[];
  /** What there is instead, in text, each once. */
  readonly offered: readonly string[];
}

/** Which of `platforms` no image of `root`, that nothing is left out of yet, is of. */
export function absentPlatforms(root: Root, platforms: readonly Platform[]): AbsentPlatforms {
  const offered = platformsOf(root);
  const wanted = platforms.filter((one) => !offered.some((platform) => platformMatches(one, platform)));
  return { wanted: inText(wanted), offered: inText(offered) };
}

function platformsOf({ document, descriptor }: Root): readonly Platform[] {
  const images = document.kind === "index" ? document.manifests : [descriptor];
  return images.flatMap(({ platform }) => (platform && !isUnknownPlatform(platform) ? [platform] : []));
}

/** In the form that `--platform` takes, with what of the system tells two of them apart. */
function inText(platforms: readonly Platform[]): readonly string[] {
  const texts = platforms.map((platform) => {
    const { osVersion = "", osFeatures = [] } = platform;
    const detail = [osVersion, ...osFeatures].join("+");
    return formatPlatform(detail === "" ? platform : { ...platform, os: `${platform.os}(${detail})` });
  });
  return [...new Set(texts)];
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
  return index.manifests.filter((child) => {
    if (isKept(child, platforms)) return true;
    const subject = byDigest.get(subjectOfAttestation(child) ?? "");
    return subject !== undefined && isKept(subject, platforms);
  });
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

function nothingLeft(message: string, offered: readonly string[] = []): WaybillError {
  const advice = `The sources have ${offered.join(", ")}`;
  return new WaybillError("not_found", message, offered.length > 0 ? { advice } : {});
}
