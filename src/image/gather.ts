import { rememberedBy } from "../async/remembered.ts";
import { inScope, type Scope } from "../async/scope.ts";
import type { CallOptions, Source } from "../content/store.ts";
import { inContext, WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import type { Manifest } from "../spec/manifest.ts";
import { formatLocation, formatReference, parseReference, type Location, type Reference } from "../spec/reference.ts";
import type { Platform } from "../spec/platform.ts";
import { parseAnnotations, unmatchedPlatforms, type Annotation } from "./annotations.ts";
import { assemble, requireReadable, type Replaced, type Root } from "./assemble.ts";
import { referrersOf, rescued, unattested } from "./attestations.ts";
import { readPart, type SharedReads } from "./part.ts";
import { absentPlatforms, parsePlatforms, selectPlatforms, withChildren, type AbsentPlatforms } from "./select.ts";
import { inferRepositories, parseSource, type LocatedSource, type SourceSpec } from "./source.ts";

/** What the user asked for, as text. */
export interface GatherRequest {
  /** Digests, references and descriptors, in order. */
  readonly sources: readonly string[];
  /** Files that hold sources; they come before `sources`. */
  readonly files: readonly SourceFile[];
  readonly tags: readonly string[];
  /** Whether the first tag is a source too, before all others. */
  readonly append: boolean;
  /** Whether a single image gets an index around it. */
  readonly preferIndex: boolean;
  /** The platforms to keep; empty keeps all. */
  readonly platforms: readonly string[];
  readonly annotations: readonly string[];
  /** Whether attestations that registries hold only as referrers are taken into the index. */
  readonly rescue: boolean;
}

/** A file that names a source, or several, in any form that `CreateRequest.sources` takes. The caller has read it. */
export interface SourceFile {
  /** Where it was read; messages quote it. */
  readonly path: string;
  readonly content: Uint8Array;
}

export interface GatherOptions extends CallOptions {
  /** Opens the place where a source lies; called once for each place. */
  readonly open: (location: Location) => Promise<Source>;
  /** Does the assembling, which needs no network; default: just that. */
  readonly assembling?: <T>(work: () => T) => T;
  /** Told what the root lists, while its attestations are still being looked for: those may be added to it. */
  readonly onSelected?: (root: Root) => void;
  /** Most manifests in the root; default 5,000. */
  readonly maxDescriptors?: number;
}

/** What the targets shall hold, and where it can be read. */
export interface Gathered {
  readonly root: Manifest;
  /** Where each manifest of the root, or the root itself where it is a copy, can be read, best first. */
  readonly origins: ReadonlyMap<Digest, readonly Location[]>;
  /** The one index that the root is made of, where children were left out or attestations added. */
  readonly replaces?: Replaced;
  /** The parsed tags, in their order. */
  readonly targets: readonly Reference[];
  /** What was asked for with `platforms` and is nowhere in the sources. */
  readonly absent: AbsentPlatforms;
  /** Platforms, in text, that annotations were asked for and that no image is of. */
  readonly unmatched: readonly string[];
  /** Targets in bake's metadata files that name no image. */
  readonly passedOver: readonly string[];
  /** The manifests that were read on the way. */
  readonly manifests: ReadonlyMap<Digest, Manifest>;
}

/** A request whose texts are all understood: what can be found wrong without a network is found before it is used. */
interface Understood {
  readonly sources: readonly LocatedSource[];
  readonly targets: readonly Reference[];
  readonly platforms: readonly Platform[];
  readonly annotations: readonly Annotation[];
  readonly passedOver: readonly string[];
}

/**
 * Reads all sources in parallel and joins them into the root that the targets shall name. Trips: one for the manifests, one
 * for the configs of images whose platform nobody told and the referrers of images without attestation (their own trip when
 * platforms are filtered).
 *
 * @throws WaybillError `invalid_argument`, `invalid_reference`, `invalid_digest`, `invalid_descriptor`, `invalid_platform`,
 *   `invalid_annotation` for what the request says; `not_found` where no platform is left, `size_mismatch` where a source is of
 *   another size; `precondition_failed` where a target names another digest; `too_large` where nobody could read the root again;
 *   whatever the sources throw.
 */
export async function gather(request: GatherRequest, options: GatherOptions): Promise<Gathered> {
  const understood = understand(request);
  return inScope(async (scope) => {
    const reads = sharedReads(options, scope);
    const { sources, annotations, targets, passedOver } = understood;
    const [{ parts, selected, absent }] = await Promise.all([
      select(understood, request, { ...options, reads, scope }),
      isRescueSure(request) ? Promise.all(sources.map((source) => lookAhead(source, reads))) : undefined,
    ]);
    const referrers = request.rescue ? await referrersOfUnattested(selected, reads) : new Map<Digest, Descriptor[]>();
    const { origins, replaces, ...root } = withRescued(selected, referrers);
    requireReadable(root, options.maxDescriptors);
    checkTargets(targets, root.descriptor.digest);
    const manifests = new Map(parts.map(({ manifest }) => [manifest.descriptor.digest, manifest]));
    const children = selected.document.kind === "index" ? selected.document.manifests : [];
    const unmatched = unmatchedPlatforms(annotations, children);
    return { root, origins, targets, absent, unmatched, passedOver, manifests, ...(replaces && { replaces }) };
  }, options);
}

interface SelectOptions extends GatherOptions {
  readonly reads: SharedReads;
  readonly scope: Scope;
}

/** Reads the sources, and makes of them the root as it is without what may be rescued. */
async function select(
  { sources, annotations, platforms }: Understood,
  { preferIndex }: GatherRequest,
  { reads, scope, assembling = (work) => work(), onSelected, maxDescriptors }: SelectOptions,
) {
  const parts = await Promise.all(sources.map((source) => scope.spawn(() => readPart(source, reads))));
  const { selected, absent } = assembling(() => {
    const whole = assemble(parts, { annotations, preferIndex });
    return { selected: selectPlatforms(whole, platforms), absent: absentPlatforms(whole, platforms) };
  });
  // Attestations only add to it: what is too much now stays so, and nobody is asked for anything.
  requireReadable(selected, maxDescriptors);
  onSelected?.(selected);
  return { parts, selected, absent };
}

function understand(request: GatherRequest): Understood {
  const { sources, files, tags, append } = request;
  const targets = tags.map((tag) => parseReference(tag));
  if (sources.length + files.length === 0) throw new WaybillError("invalid_argument", "no sources specified");
  const named = [
    ...(append ? tags.slice(0, 1) : []).flatMap(parseSource),
    ...files.flatMap(parseFile),
    ...sources.flatMap(parseSource),
  ];
  return {
    targets,
    sources: inferRepositories(named, targets),
    platforms: parsePlatforms(request.platforms),
    annotations: parseAnnotations(request.annotations),
    passedOver: named.flatMap((source) => source.passedOver ?? []),
  };
}

/** What is wrong with a file's content names the file: of several, nobody sees by the content which one it is. */
function parseFile({ path, content }: SourceFile): readonly SourceSpec[] {
  try {
    return parseSource(new TextDecoder().decode(content));
  } catch (error) {
    throw inContext(error, { advice: `the source was read from "${path}"` });
  }
}

/** Nothing is filtered out, and what is made is an index: each image that comes without attestation will be asked for its. */
function isRescueSure({ rescue, preferIndex, platforms }: GatherRequest): boolean {
  return rescue && preferIndex && platforms.length === 0;
}

/** Asks for the referrers as soon as the manifest is there, beside the config: one trip for both. */
async function lookAhead({ location, name }: LocatedSource, reads: SharedReads): Promise<void> {
  const { document, descriptor } = await reads.manifest(location, name);
  const subjects = unattested(document.kind === "index" ? document.manifests : [descriptor]);
  await Promise.all(subjects.map(({ digest }) => reads.referrers(location, digest)));
}

/** Each read is the scope's: where one fails the others end before `gather` does. */
function sharedReads({ open }: GatherOptions, scope: Scope): SharedReads {
  const options = { signal: scope.signal };
  const places = rememberedBy(formatLocation, (location: Location) => {
    const source = open(location);
    return {
      source,
      manifest: rememberedBy(String, (name: string) => scope.spawn(async () => (await source).manifest(name, options))),
      referrers: rememberedBy(String, (subject: Digest) =>
        scope.spawn(async () => referrersOf(await source, subject, options)),
      ),
    };
  });
  return {
    options,
    source: (location) => places(location).source,
    manifest: (location, name) => places(location).manifest(name),
    referrers: (location, subject) => places(location).referrers(subject),
  };
}

async function referrersOfUnattested(root: Root, reads: SharedReads): Promise<Map<Digest, readonly Descriptor[]>> {
  if (root.document.kind !== "index") return new Map();
  const subjects = new Set(unattested(root.document.manifests).map(({ digest }) => digest));
  const found = [...subjects].map(async (digest) => {
    const [location] = root.origins.get(digest) ?? [];
    const referrers = location ? await reads.referrers(location, digest) : [];
    return [digest, referrers] as const;
  });
  return new Map(await Promise.all(found));
}

/** An attestation lies where its subject does. */
function withRescued(root: Root, referrers: ReadonlyMap<Digest, readonly Descriptor[]>): Root {
  if (root.document.kind !== "index") return root;
  const children = rescued(root.document.manifests, referrers);
  const origins = new Map(root.origins);
  for (const [subject, found] of referrers) {
    for (const { digest } of found.filter((one) => children.some((child) => child.digest === one.digest))) {
      if (!origins.has(digest)) origins.set(digest, root.origins.get(subject)?.slice(0, 1) ?? []);
    }
  }
  return withChildren({ ...root, origins }, root.document, children);
}

/**
 * Refuses targets that name another digest than what is made.
 *
 * @throws WaybillError `precondition_failed`, in buildx's words.
 */
export function checkTargets(targets: readonly Reference[], produced: Digest): void {
  const wrong = targets.find((target) => target.digest !== undefined && target.digest !== produced);
  if (!wrong) return;
  const target = formatReference(wrong);
  const message = `target ${target} requested digest ${wrong.digest} but produced ${produced}`;
  throw new WaybillError("precondition_failed", message, { subject: target, side: "target" });
}
