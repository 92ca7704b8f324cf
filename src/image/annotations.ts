import { inContext, WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { stringMap, type StringMap } from "../spec/json.ts";
import { formatPlatform, normalizePlatform, parsePlatform, type Platform } from "../spec/platform.ts";

/** One annotation, and what it is written on: the index, or the index's descriptors of its manifests. */
export type Annotation =
  | { readonly on: "index"; readonly key: string; readonly value: string }
  | {
      readonly on: "manifest-descriptor";
      /** Only descriptors of this platform; default all. */
      readonly platform?: Platform;
      readonly key: string;
      readonly value: string;
    };

/**
 * Reads `[type[platform],type…:]key=value`, in buildx's grammar. Without a type the annotation is the index's, where buildx
 * refuses it. A key that holds a colon or a bracket needs a type in front. Empty texts are passed over, as buildx does.
 *
 * @throws WaybillError `invalid_annotation`, `invalid_platform`
 */
export function parseAnnotations(texts: readonly string[]): readonly Annotation[] {
  return splitAll(texts.filter((text) => text !== "")).map(usable);
}

interface Split {
  readonly type: string;
  readonly platform?: Platform;
  readonly key: string;
  readonly value: string;
}

function splitAll(texts: readonly string[]): readonly Split[] {
  try {
    return texts.flatMap(split);
  } catch (error) {
    throw inContext(error, {}, "failed to parse annotations: ");
  }
}

function split(text: string): readonly Split[] {
  const equals = text.indexOf("=");
  const left = text.slice(0, equals);
  const colon = left.indexOf(":");
  const key = left.slice(colon + 1);
  if (equals < 0 || key === "") throw invalid(`invalid annotation ${JSON.stringify(text)}, expected key=value`);
  const value = text.slice(equals + 1);
  if (colon < 0) return [{ type: "index", key: withoutType(key), value }];
  const types = left.slice(0, colon).split(",");
  return types.map((type) => ({ ...splitType(type), key, value }));
}

/** Brackets belong to a type: what it is meant for must not become a part of a key because a colon was forgotten. */
function withoutType(key: string): string {
  if (!/[[\]]/.test(key)) return key;
  const advice = "A key that holds brackets needs a type in front, such as index:.";
  throw invalid(`invalid annotation key ${JSON.stringify(key)}, expected a colon between type and key`, advice);
}

const types = ["index", "index-descriptor", "manifest", "manifest-descriptor"];

function splitType(text: string): Pick<Split, "type" | "platform"> {
  const [, type, platform] = /^([a-z-]+)(?:\[([\w/-]+)\])?$/.exec(text) ?? [];
  const quoted = JSON.stringify(text);
  if (type === undefined) {
    throw invalid(`invalid annotation type ${quoted}, expected type and optional platform in square brackets`);
  }
  if (types.includes(type)) return { type, ...(platform !== undefined && { platform: parsePlatform(platform) }) };
  const advice = "Types are index and manifest-descriptor; a key that holds a colon needs one of them in front.";
  throw invalid(`unknown annotation type ${JSON.stringify(type)}`, advice);
}

function usable({ type, platform, key, value }: Split): Annotation {
  if (type === "index") return { on: type, key, value };
  if (type === "manifest-descriptor") return { on: type, key, value, ...(platform && { platform }) };
  if (type === "manifest") {
    const why = "they are part of an image's own bytes, which are copied as they are";
    const advice = "Write index: or manifest-descriptor: in front of the key, or annotate the image when it is built.";
    throw invalid(`"manifest" annotations are not supported yet: ${why}`, advice);
  }
  const advice = "Write index: or manifest-descriptor: in front of the key.";
  throw invalid('"index-descriptor" annotations are invalid while creating an image', advice);
}

function invalid(message: string, advice?: string): WaybillError {
  return new WaybillError("invalid_annotation", message, advice === undefined ? {} : { advice });
}

/** `existing` with the index's annotations added; `undefined` where there is none at all. */
export function annotateIndex(annotations: readonly Annotation[], existing?: StringMap): StringMap | undefined {
  return merged(
    existing,
    annotations.filter(({ on }) => on === "index"),
  );
}

/**
 * The children with the annotations that are meant for them. A child without a platform gets those for every child. What is
 * said of one platform wins over what is said of all, in whichever order they come.
 */
export function annotateChildren(
  annotations: readonly Annotation[],
  children: readonly Descriptor[],
): readonly Descriptor[] {
  return children.map((child) => {
    const general = annotations.filter((one) => one.on === "manifest-descriptor" && !one.platform);
    const own = annotations.filter((one) => isForPlatformOf(one, child));
    const all = merged(child.annotations, [...general, ...own]);
    return all ? { ...child, annotations: all } : child;
  });
}

function isForPlatformOf(annotation: Annotation, child: Descriptor): boolean {
  if (annotation.on !== "manifest-descriptor" || !annotation.platform || !child.platform) return false;
  return formatPlatform(normalizePlatform(child.platform)) === formatPlatform(annotation.platform);
}

/** The platforms, in text, that annotations are meant for and none of `children` is of. */
export function unmatchedPlatforms(
  annotations: readonly Annotation[],
  children: readonly Descriptor[],
): readonly string[] {
  const idle = annotations.filter((one) => !children.some((child) => isForPlatformOf(one, child)));
  const platforms = idle.flatMap((one) => (one.on === "manifest-descriptor" && one.platform ? [one.platform] : []));
  return [...new Set(platforms.map(formatPlatform))];
}

function merged(existing: StringMap | undefined, added: readonly Annotation[]): StringMap | undefined {
  const entries = [...Object.entries(existing ?? {}), ...added.map(({ key, value }) => [key, value] as const)];
  return entries.length === 0 ? undefined : stringMap(entries);
}
