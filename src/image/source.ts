import { hasCode, inContext, WaybillError } from "../errors.ts";
import { isDigest, type Digest } from "../spec/digest.ts";
import { parseJson } from "../spec/json.ts";
import { formatLocation, nameOf, parseReference, type Location, type Reference } from "../spec/reference.ts";
import { digestProblem, parseClaim, type Claim } from "./claim.ts";
import { metadataSources } from "./metadata-source.ts";

/** One source as the user wrote it. `text` is what messages quote. */
export type SourceSpec = (
  | { readonly kind: "digest"; readonly text: string; readonly digest: Digest }
  | { readonly kind: "reference"; readonly text: string; readonly reference: Reference }
  | { readonly kind: "descriptor"; readonly text: string; readonly claim: Claim }
) & {
  /** Bake's targets in the same file whose metadata name no image; with the first source of the file. */
  readonly passedOver?: readonly string[];
};

/** A source with the place where it can be read. */
export interface LocatedSource {
  readonly location: Location;
  /** A tag or a digest. */
  readonly name: string;
  /** What the user said of it, beyond the name. */
  readonly claim?: Claim;
  /** True when the claim is taken whole, as no source had to be resolved; else only its type, annotations and platform. */
  readonly keepsClaim: boolean;
}

/**
 * Reads a source: a digest, a reference, the JSON of a descriptor, or a file that `--metadata-file` of buildx or bake wrote,
 * which may name several. A final newline is ignored.
 *
 * @throws WaybillError `invalid_digest`, `invalid_reference`, `invalid_descriptor`, in buildx's words.
 */
export function parseSource(text: string): readonly SourceSpec[] {
  const trimmed = text.replace(/\r?\n$/, "");
  try {
    return readSource(trimmed);
  } catch (error) {
    const prefix = `failed to parse source ${quoted(trimmed)}, valid sources are digests, references and descriptors: `;
    throw inContext(error, {}, prefix);
  }
}

function readSource(text: string): readonly SourceSpec[] {
  if (isDigest(text)) return [{ kind: "digest", text, digest: text }];
  if (text.startsWith("sha256")) throw new WaybillError("invalid_digest", digestProblem(text));
  if (!text.startsWith("{")) return [{ kind: "reference", text, reference: parseReference(text) }];
  const raw = parseObject(text);
  return metadataSources(raw) ?? [{ kind: "descriptor", text, claim: parseClaim(raw) }];
}

// A metadata file holds the whole provenance and can be long.
const maxBytes = 32 * 1024 * 1024;

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return parseJson(text, { what: "source", maxBytes }) as Record<string, unknown>;
  } catch (error) {
    throw hasCode(error, "invalid_manifest") ? new WaybillError("invalid_descriptor", error.message) : error;
  }
}

/**
 * Settles where each source is read. A source without a repository takes the one that all tags and references agree on.
 * A descriptor is always read by its digest: buildx reads the tag of the repository in its place when sources are mixed.
 *
 * @throws WaybillError `invalid_argument` where there is no source, no repository, or more than one to choose from.
 */
export function inferRepositories(
  sources: readonly SourceSpec[],
  tags: readonly Reference[],
): readonly LocatedSource[] {
  if (sources.length === 0) throw new WaybillError("invalid_argument", "no sources specified");
  const references = sources.flatMap((source) => (source.kind === "reference" ? [source.reference] : []));
  const named = [...references, ...tags];
  const repositories = new Set(named.map((reference) => formatLocation(reference.location)));
  if (repositories.size === 0) {
    const message = "no repositories specified, please set a reference in tag or source";
    throw new WaybillError("invalid_argument", message);
  }
  const shared = repositories.size === 1 ? named[0]?.location : undefined;
  const keepsClaim = sources.every((source) => source.kind === "descriptor" && source.claim.mediaType !== undefined);
  return sources.map((source) => ({ ...locate(source, shared), keepsClaim }));
}

function locate(source: SourceSpec, shared: Location | undefined): Omit<LocatedSource, "keepsClaim"> {
  if (source.kind === "reference") return { location: source.reference.location, name: nameOf(source.reference) };
  if (!shared) {
    const message = `multiple repositories specified, cannot infer repository for ${quoted(source.text)}`;
    throw new WaybillError("invalid_argument", message);
  }
  if (source.kind === "digest") return { location: shared, name: source.digest };
  return { location: shared, name: source.claim.digest, claim: source.claim };
}

/** In double quotes as Go's `%q` does it, cut where a whole file was given. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 1000 ? `${text.slice(0, 1000)}…` : text);
}
