import { cached } from "../content/cached.ts";
import type { Source } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { gather, type Gathered, type SourceFile } from "../image/gather.ts";
import { parseSource } from "../image/source.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation, parseReference, type Location, type Reference } from "../spec/reference.ts";
import { closureOf } from "../transfer/closure.ts";
import { isUpToDate } from "../transfer/plan.ts";
import { lookAt, publish, type Looked, type PublishTarget, type TargetResult } from "../transfer/publish.ts";
import { parseReferrersPolicy, type ReferrersPolicy } from "../transfer/referrers.ts";
import type { Context } from "./context.ts";

/** What `waybill create` was asked for, as text. */
export interface CreateRequest {
  /** Digests, references and descriptors, in order. */
  readonly sources: readonly string[];
  /** Files that hold sources; they come before `sources`. */
  readonly files: readonly SourceFile[];
  /** Where the image goes: references to repositories and OCI layouts, in the order in which they are written. */
  readonly tags: readonly string[];
  readonly annotations: readonly string[];
  /** The first tag is a source too, before all others. */
  readonly append: boolean;
  /** Assemble and answer; write nothing anywhere. */
  readonly dryRun: boolean;
  /** A single image gets an index around it. */
  readonly preferIndex: boolean;
  readonly platforms: readonly string[];
  /** `default`, `all`, `none`, or artifact types separated by commas. */
  readonly referrers: string;
}

export interface CreateResult {
  /** What the targets name now, or would name. */
  readonly root: { readonly descriptor: Descriptor; readonly bytes: Uint8Array };
  /** One for each repository or layout, in the order of their first tags. Empty after a dry run. */
  readonly targets: readonly TargetResult[];
  /** Referrers that do not travel, counted by artifact type. */
  readonly leftBehind: Readonly<Record<string, number>>;
}

/**
 * Joins the sources into one image and publishes it under every tag, children first, tags last.
 *
 * @returns also when targets failed: each result says what happened there.
 * @throws WaybillError for what the request says, and for what cannot be read from the sources. Nothing is written then.
 */
export async function create(request: CreateRequest, context: Context): Promise<CreateResult> {
  const policy = parseReferrersPolicy(request.referrers);
  if (request.sources.length + request.files.length === 0) {
    throw new WaybillError("invalid_argument", "no sources specified");
  }
  if (request.tags.length === 0 && !request.dryRun) {
    throw new WaybillError("invalid_argument", "can't push with no tags specified, please set --tag or --dry-run");
  }
  const references = request.tags.map((tag) => parseReference(tag));
  const targets = groupByLocation(references);
  context.announce({ pull: sourceLocations(request), push: targets.map((target) => target.at) });
  const open = rememberedSources(context);
  const looking = request.dryRun ? Promise.resolve([]) : lookAt(targets, context);
  const gathered = await allOf(
    gather({ ...request, rescue: policy.lookUp }, { open, signal: context.signal }),
    looking,
  );
  const looked = await looking;
  if (request.dryRun) return { root: gathered.root, targets: [], leftBehind: {} };
  return publishGathered(gathered, { looked, policy, open, context });
}

interface Publishing {
  readonly looked: readonly Looked[];
  readonly policy: ReferrersPolicy;
  readonly open: (location: Location) => Promise<Source>;
  readonly context: Context;
}

async function publishGathered(
  gathered: Gathered,
  { looked, policy, open, context }: Publishing,
): Promise<CreateResult> {
  const { root, origins, manifests } = gathered;
  const from = origins.get(root.descriptor.digest) ?? [];
  if (nothingToDo(looked, root.descriptor.digest, policy)) {
    const closure = { root: root.descriptor.digest, nodes: new Map(), referrers: [], leftBehind: {} };
    return { root, targets: await publish(closure, looked, context), leftBehind: {} };
  }
  const options = { open, referrers: policy, known: manifests, signal: context.signal };
  const closure = await closureOf({ manifest: root, from, origins }, options);
  return { root, targets: await publish(closure, looked, context), leftBehind: closure.leftBehind };
}

/** Where every tag is right and no referrer is asked for, the children need not even be read. */
function nothingToDo(looked: readonly Looked[], root: Digest, policy: ReferrersPolicy): boolean {
  if (policy.lookUp && looked.some((entry) => "before" in entry)) return false;
  return looked.every((entry) => "error" in entry || isUpToDate({ ...entry.target, before: entry.before }, root));
}

/** One target for each place, its tags in the given order. */
function groupByLocation(references: readonly Reference[]): readonly PublishTarget[] {
  const groups = new Map<string, { at: Location; tags: string[] }>();
  for (const { location, tag } of references) {
    const name = formatLocation(location);
    const group = groups.get(name) ?? { at: location, tags: [] };
    groups.set(name, group);
    if (tag !== undefined && !group.tags.includes(tag)) group.tags.push(tag);
  }
  return [...groups.values()];
}

/** The repositories that sources name. Those that name none are read where the tags go. */
function sourceLocations(request: CreateRequest): readonly Location[] {
  const files = request.files.map(({ content }) => new TextDecoder().decode(content));
  return [...(request.append ? request.tags.slice(0, 1) : []), ...files, ...request.sources].flatMap((text) => {
    try {
      return parseSource(text).flatMap((source) => (source.kind === "reference" ? [source.reference.location] : []));
    } catch {
      // `gather` tells what is wrong with it.
      return [];
    }
  });
}

function rememberedSources(context: Context): (location: Location) => Promise<Source> {
  const sources = new Map<string, Promise<Source>>();
  return (location) => {
    const name = formatLocation(location);
    const known = sources.get(name) ?? context.open(location).then(cached);
    sources.set(name, known);
    return known;
  };
}

/** The first one's result, once both have ended. */
async function allOf<T>(first: Promise<T>, second: Promise<unknown>): Promise<T> {
  const [result] = await Promise.allSettled([first, second]);
  if (result.status === "rejected") throw result.reason;
  return result.value;
}
