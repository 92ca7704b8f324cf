import { openScope } from "../async/scope.ts";
import { WaybillError } from "../errors.ts";
import type { Root } from "../image/assemble.ts";
import type { Gathered, SourceFile } from "../image/gather.ts";
import type { AbsentPlatforms } from "../image/select.ts";
import { parseSource } from "../image/source.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { formatLocation, parseReference, type Location, type Reference } from "../spec/reference.ts";
import { parseExpectations } from "../transfer/expectations.ts";
import type { TargetResult } from "../transfer/result.ts";
import { answersFor, isLate } from "../transfer/late.ts";
import { asExpected, type PublishTarget } from "../transfer/look.ts";
import {
  onErrorPolicies,
  onTagErrorPolicies,
  strategies,
  verifyPolicies,
  type PublishPolicy,
} from "../transfer/policy.ts";
import { parseReferrersPolicy } from "../transfer/referrers.ts";
import { beginAhead, type Ahead } from "./ahead.ts";
import { beginLooking, gatherAsTask } from "./as-tasks.ts";
import type { Context } from "./context.ts";
import { publishRoot } from "./publish-root.ts";
import { rememberedSources } from "./remembered.ts";

/** What `waybill create` was asked for, as text. */
export interface CreateRequest {
  /** Digests, references and descriptors, in order. */
  readonly sources: readonly string[];
  /** Where the image goes: references to repositories and OCI layouts, in the order in which they are written. */
  readonly tags: readonly string[];
  /** Files that hold sources; they come before `sources`. */
  readonly files?: readonly SourceFile[];
  readonly annotations?: readonly string[];
  /** The first tag is a source too, before all others. Default false. */
  readonly append?: boolean;
  /** Assemble and answer; write nothing anywhere. Default false. */
  readonly dryRun?: boolean;
  /** A single image gets an index around it. Default true. */
  readonly preferIndex?: boolean;
  /** The platforms to keep; default all. */
  readonly platforms?: readonly string[];
  /** `default`, `all`, `none`, or artifact types separated by commas; default `default`. */
  readonly referrers?: string;
  /** How several targets depend on each other; default `abort`: no tag is written anywhere before all are staged. */
  readonly onError?: PublishPolicy["onError"];
  /** When a tag cannot be written; default `finish`: the other targets get theirs. */
  readonly onTagError?: PublishPolicy["onTagError"];
  /** With `rollback`: take tags away again that named nothing before, where the target takes nothing else with them. Default false. */
  readonly deleteCreatedTags?: boolean;
  /** Default `ack` for one target, `manifests` for several. */
  readonly verify?: PublishPolicy["verify"];
  /** Never move a tag that names something else. Default false. */
  readonly noClobber?: boolean;
  /** Default `parallel`; `serial`: one target after the other, in the order of `tags`, one blob at a time. */
  readonly strategy?: PublishPolicy["strategy"];
  /** `REFERENCE=DIGEST`, or `REFERENCE=absent`: what a tag must name before it is moved; default: nothing is demanded. */
  readonly expectDigests?: readonly string[];
}

/** What `create` and `resume` came to. */
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
 * @throws WaybillError `invalid_argument`, `invalid_reference`, `invalid_digest`, `invalid_descriptor`, `invalid_platform`,
 *   `invalid_annotation` for what the request says; `not_found` and what else reading the sources throws; `too_large` for an
 *   image beyond all bounds; `precondition_failed` for a tag with a digest that is not what is made; `busy` where another process
 *   publishes the same; `cancelled` by the signal. Nothing is written then.
 *   `partial` in place of what reading the sources throws, where an earlier run of the same publish has moved a tag.
 */
export async function create(given: CreateRequest, context: Context): Promise<CreateResult> {
  const request = withDefaults(given);
  const referrers = parseReferrersPolicy(request.referrers);
  requireSense(request);
  const references = request.tags.map((tag) => parseReference(tag));
  const targets = groupByLocation(references);
  using _ = context.announce({ pull: sourceLocations(request), push: targets.map((target) => target.at) });
  const open = rememberedSources(context);
  const expect = parseExpectations(request.expectDigests ?? [], references);
  // Leaving early, because a source cannot be read, ends what is still being asked of targets.
  await using looks = openScope({ signal: context.signal });
  const lookings = beginLooking(request.dryRun ? [] : targets, looks, { ...context, expect });
  const policy = policyOf(request, expect.size > 0);
  let ahead: Ahead | undefined;
  const onSelected = (selected: Root) => {
    if (!request.dryRun)
      ahead = beginAhead(selected, { lookings, policy, referrers, openSource: open, scope: looks }, context);
  };
  const gathered = await gatherAsTask({ ...request, rescue: referrers.lookUp }, { ...context, open, onSelected });
  warnOfAbsent(gathered.absent, context);
  warnOfUnmatched(gathered.unmatched, context);
  warnOfPassedOver(gathered.passedOver, context);
  warnOfRescue(request, gathered, context);
  if (request.dryRun) return { root: gathered.root, targets: [], leftBehind: {} };
  const { root, origins, manifests, replaces } = gathered;
  const answered = await answersFor(policy, lookings, context);
  const looked = answered.map((entry) => (isLate(entry) ? entry : asExpected(entry, root.descriptor.digest)));
  const published = await publishRoot(
    {
      root: {
        manifest: root,
        from: origins.get(root.descriptor.digest) ?? [],
        origins,
        ...(replaces && { replaces }),
      },
      looked,
      referrers,
      policy,
      open,
      known: manifests,
      ...(ahead && { ahead }),
    },
    context,
  );
  return { root, ...published };
}

function policyOf(request: CreateRequest, compare: boolean): PublishPolicy {
  const { onError = "abort", onTagError = "finish", deleteCreatedTags = false } = request;
  const { verify, noClobber = false, strategy = "parallel" } = request;
  return { onError, onTagError, deleteCreatedTags, noClobber, compare, strategy, ...(verify && { verify }) };
}

/** @throws WaybillError `invalid_argument` for what cannot be meant. The first two sentences are buildx's. */
function requireSense({ sources, files, tags, dryRun, ...request }: ReturnType<typeof withDefaults>): void {
  const refuse = (message: string) => {
    throw new WaybillError("invalid_argument", message);
  };
  if (sources.length + files.length === 0) refuse("no sources specified");
  if (tags.length === 0 && !dryRun) refuse("can't push with no tags specified, please set --tag or --dry-run");
  if (request.deleteCreatedTags && request.onTagError !== "rollback")
    refuse("--delete-created-tags needs --on-tag-error rollback: nothing else takes a tag back");
  for (const [name, known] of Object.entries(choices)) {
    const chosen: unknown = request[name as keyof typeof choices];
    if (chosen !== undefined && !known.some((choice) => choice === chosen))
      refuse(`Cannot understand ${name} ${JSON.stringify(chosen)}: it is one of ${known.join(", ")}`);
  }
}

/** For callers whom no compiler has told: anything else would mean the weaker of two. */
const choices = {
  onError: onErrorPolicies,
  onTagError: onTagErrorPolicies,
  verify: verifyPolicies,
  strategy: strategies,
} as const satisfies { readonly [K in keyof CreateRequest]?: readonly CreateRequest[K][] };

function withDefaults(request: CreateRequest) {
  const { files = [], annotations = [], platforms = [], referrers = "default" } = request;
  const { append = false, dryRun = false, preferIndex = true } = request;
  return { ...request, files, annotations, platforms, referrers, append, dryRun, preferIndex };
}

/** Buildx leaves such a platform out in silence: an image without it looks published. */
function warnOfAbsent({ wanted, offered }: AbsentPlatforms, { report, clock }: Context): void {
  if (wanted.length === 0) return;
  const instead = offered.length > 0 ? `the sources have ${offered.join(", ")}` : "the sources name none";
  const message = `No image is for ${wanted.join(", ")} (--platform): left out; ${instead}`;
  report({ type: "warning", message, isUrgent: true, at: clock.now() });
}

function warnOfUnmatched(platforms: readonly string[], { report, clock }: Context): void {
  for (const platform of platforms) {
    const message = `No image is for ${platform}: its annotations are not written (manifest-descriptor[${platform}])`;
    report({ type: "warning", message, at: clock.now() });
  }
}

/** A platform whose push was forgotten would be missing from the image without a word. */
function warnOfPassedOver(names: readonly string[], { report, clock }: Context): void {
  for (const name of names) {
    const message = `Nothing is taken of target "${name}": its metadata names no image (one that is not pushed has none)`;
    report({ type: "warning", message, at: clock.now() });
  }
}

/** Whoever filters platforms expects another digest; whoever copies an index does not. */
function warnOfRescue(
  { platforms }: ReturnType<typeof withDefaults>,
  { replaces }: Pick<Gathered, "replaces">,
  { report, clock }: Context,
): void {
  if (!replaces || platforms.length > 0) return;
  const why = "an attestation was added (--referrers none keeps it)";
  report({ type: "warning", message: `Digest changed from ${replaces.digest}: ${why}`, at: clock.now() });
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
function sourceLocations(request: ReturnType<typeof withDefaults>): readonly Location[] {
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
