import type { Clock } from "../async/clock.ts";
import type {
  PushBlobOptions,
  PushManifestOptions,
  PushOutcome,
  Replayable,
  Store,
  Tagged,
  TaggedOptions,
} from "../content/store.ts";
import { inContext } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import type { Report } from "../telemetry/events.ts";
import { failureOf } from "../telemetry/task.ts";
import { replayable } from "./body.ts";
import { asCancelled } from "./cancelled.ts";
import { graceAfter } from "./grace.ts";
import type { NamesOfTags } from "./named.ts";
import { blobName, isContinued, unheard, type Hearing } from "./recording.ts";
import type { SharedReads } from "./shared-reads.ts";
import type { Closure } from "./closure.ts";
import { placeOf } from "./place.ts";
import { placesToRead } from "./plan-siblings.ts";
import { pushRepairing } from "./repair.ts";
import type { Perform, StepCall, StepResult } from "./run.ts";
import type { CompareStep, StageStep, TagStep, TargetStep } from "./step.ts";
import { compareTags, confirmTags, verifyPresence, type Comparison } from "./tagging.ts";

/** Where steps find their content, and who hears of what they do. */
export interface PerformOptions {
  readonly open: (location: Location) => Promise<Store>;
  readonly closure: Closure;
  readonly clock: Clock;
  readonly report: Report;
  /** When the tags were looked at, by `clock`. */
  readonly lookedAt: number;
  /** Called with what tags of a target name where that was not known when the plan was made. */
  readonly onLearned?: (at: Location, before: NamesOfTags) => void;
  /** Called with what tags of a target name, each time that they are asked for before they are written. */
  readonly onSeen?: (at: Location, names: NamesOfTags) => void;
  /** Called with the tags of each request that is about to write them. */
  readonly onTagging?: (at: Location, tags: readonly string[]) => void;
  /** Called for each tag when the target has acknowledged it. */
  readonly onTagged: (at: Location, tag: string, how?: Tagged) => void;
  /** Called when bytes have left towards a target. */
  readonly onSent: (at: Location, bytes: number) => void;
  /** Where steps that stage the same blob get its bytes; default: each reads for itself. */
  readonly reads?: SharedReads;
  /** Hears of uploads and tags in time to go on with them after a crash; default: nobody does. */
  readonly recording?: Pick<Hearing, "earlier" | "session" | "tagging">;
}

type Settings = PerformOptions & {
  readonly recording: NonNullable<PerformOptions["recording"]>;
  /** What this run has brought to a target: it is there, whether or not the target shows it already. */
  readonly broughtTo: (at: Location) => Set<Digest>;
  /** What was seen when targets' tags were last compared, by target. */
  readonly comparisons: Map<string, Comparison>;
};
type Call = StepCall;
type BlobCall = Call & { readonly distrustPresence?: boolean; readonly body?: Replayable | undefined };

/** Performs steps on real stores, however many at a time. */
export function performOn(options: PerformOptions): Perform {
  const brought = new Map<string, Set<Digest>>();
  const broughtTo = (at: Location) => {
    const name = formatLocation(at);
    const digests = brought.get(name) ?? new Set();
    brought.set(name, digests);
    return digests;
  };
  const { recording = unheard } = options;
  const settings: Settings = { ...options, recording, broughtTo, comparisons: new Map() };
  return (step, call) => performStep(step, settings, call);
}

async function performStep(step: TargetStep, settings: Settings, call: Call): Promise<StepResult> {
  switch (step.kind) {
    case "check":
      return (await (await settings.open(step.at)).exists(step.content, call)) ? "present" : "absent";
    case "verify":
      return verifyPresence(step, await settings.open(step.at), { ...call, clock: settings.clock });
    case "compare":
      settings.comparisons.set(formatLocation(step.at), await compare(step, settings, call));
      return "present";
    case "tag":
      return tagRoot(step, settings, call);
    case "confirm":
      return confirmTags(step, await settings.open(step.at), { ...call, clock: settings.clock });
    default:
      return step.role === "blob" ? stageBlob(step, settings, call) : stageManifest(step, settings, call);
  }
}

async function compare(
  step: CompareStep | TagStep,
  settings: Settings,
  call: Call & Pick<TaggedOptions, "attempts">,
): Promise<Comparison> {
  const target = await settings.open(step.at);
  const at = settings.clock.now();
  const onSeen = (names: NamesOfTags) => settings.onSeen?.(step.at, names);
  const seen = await compareTags(step, target, { ...call, clock: settings.clock, onSeen });
  if (Object.keys(seen.learned).length > 0) settings.onLearned?.(step.at, seen.learned);
  return { at, ...seen };
}

/** After so long what was seen of a tag is asked for again: where it was asked for just before it is written, and where not. */
const staleAfterMs = { compared: 1000, looked: 10_000 };

async function tagRoot(step: TagStep, settings: Settings, call: Call): Promise<StepResult> {
  const { clock, lookedAt, comparisons } = settings;
  const compared = comparisons.get(formatLocation(step.at));
  const mayAgeMs = step.compare || compared ? staleAfterMs.compared : staleAfterMs.looked;
  const last = compared ?? { at: lookedAt, toWrite: step.tags, learned: {} };
  const isStale = step.compare || clock.now() - last.at > mayAgeMs;
  const { at: seenAt, toWrite } = isStale ? await compare(step, settings, call) : last;
  const tags = step.tags.filter((tag) => toWrite.includes(tag));
  const names = tags.map((tag) => `${formatLocation(step.at)}:${tag}`);
  for (const name of names) log(step, `pushing ${step.content.digest} to ${name}`, settings);
  for (const tag of step.tags) if (!tags.includes(tag)) settings.onTagged(step.at, tag);
  if (tags.length === 0) return "tagged";
  await settings.recording.tagging(step.at, tags);
  if (call.signal.aborted) throw nothingSent(call.signal);
  using grace = graceAfter(call.signal, clock);
  const lookAgain = lookingAgain(step, settings, { seenAt, mayAgeMs });
  const beforeTagging: PushManifestOptions["beforeTagging"] = async (some, limits) => {
    await lookAgain(some, { ...call, ...limits, signal: grace.signal });
    if (grace.signal.aborted) throw nothingSent(call.signal);
    settings.onTagging?.(step.at, some);
  };
  const untold = new Set(tags);
  const onTagged = (tag: string, how?: Tagged) => {
    untold.delete(tag);
    settings.onTagged(step.at, tag, how);
    grace.done();
  };
  try {
    await pushManifest(step, settings, { ...call, tags, beforeTagging, onTagged, signal: grace.signal });
    // Telling of each tag as it is written is up to the target; having come to the end, it has written all.
    for (const tag of untold) onTagged(tag);
    return "tagged";
  } catch (error) {
    throw inContext(error, placeOf(step.at), `publish ${step.content.digest} to ${names[0] ?? ""}: `);
  }
}

/** Compares those of some tags once more that were last looked at too long ago. */
function lookingAgain(
  step: TagStep,
  settings: Settings,
  { seenAt, mayAgeMs }: { readonly seenAt: number; readonly mayAgeMs: number },
) {
  const lookedAt = new Map(step.tags.map((tag) => [tag, seenAt]));
  return async (tags: readonly string[], call: Parameters<typeof compare>[2]): Promise<void> => {
    const stale = tags.filter((tag) => settings.clock.now() - (lookedAt.get(tag) ?? 0) > mayAgeMs);
    if (stale.length === 0) return;
    const { at } = await compare({ ...step, tags: stale }, settings, call);
    for (const tag of stale) lookedAt.set(tag, at);
  };
}

/** The run was over before anything had left. */
function nothingSent(run: AbortSignal): unknown {
  return inContext(asCancelled(run.reason, run), { sent: "nothing" });
}

async function stageManifest(step: StageStep, settings: Settings, call: Call): Promise<StepResult> {
  const source = step.from[0] ? ` from ${formatLocation(step.from[0])}` : "";
  const task = `${step.content.digest}${source} to ${formatLocation(step.at)}`;
  log(step, `copying ${task}`, settings);
  try {
    await pushManifest(step, settings, { ...call, ...(step.isRoot && { root: true }) });
    return "sent";
  } catch (error) {
    throw inContext(error, placeOf(step.at), `copy ${task}: `);
  }
}

/** Pushes the manifest; when the registry says that content is missing although it was there, brings that content again. */
async function pushManifest(
  step: StageStep | TagStep,
  settings: Settings,
  options: PushManifestOptions & Call,
): Promise<void> {
  const node = settings.closure.nodes.get(step.content.digest);
  if (node?.role !== "manifest") {
    throw new TypeError(`Step "${step.id}" speaks of a manifest that its closure does not hold`);
  }
  const target = await settings.open(step.at);
  const { signal, task } = options;
  const call = { signal, ...(task !== undefined && { task }) };
  const brought = settings.broughtTo(step.at);
  await pushRepairing(() => target.pushManifest(node.manifest, options), {
    children: node.children,
    isBrought: (digest) => brought.has(digest),
    // Children go by digest: the tags are the root's alone.
    bringAgain: (digests) => bringAgain(digests, target, settings, call),
    clock: settings.clock,
    signal,
  });
  brought.add(step.content.digest);
}

async function bringAgain(digests: readonly Digest[], target: Store, settings: Settings, call: Call): Promise<void> {
  for (const digest of digests) {
    const child = settings.closure.nodes.get(digest);
    if (child?.role === "manifest") await target.pushManifest(child.manifest, call);
    else if (child) await sendBlob(child, target, settings, { ...call, distrustPresence: true });
  }
}

async function stageBlob(step: StageStep, settings: Settings, call: Call): Promise<PushOutcome> {
  try {
    const body = settings.reads?.bodyOf(step);
    return await sendBlob(step, await settings.open(step.at), settings, { body, ...call });
  } catch (error) {
    const source = step.from[0] ? ` from ${formatLocation(step.from[0])}` : "";
    throw inContext(error, placeOf(step.at), `copy ${step.content.digest}${source} to ${formatLocation(step.at)}: `);
  }
}

async function sendBlob(
  step: Pick<StageStep, "content" | "from" | "siblings" | "mayBeThere">,
  target: Store,
  settings: Settings,
  { body: shared, ...call }: BlobCall,
): Promise<PushOutcome> {
  const { content: blob, from, siblings = [], mayBeThere } = step;
  const { report, clock, open, broughtTo } = settings;
  const places = placesToRead(step, (at, digest) => broughtTo(at).has(digest));
  const body = shared ?? replayable(blob, places, { open, task: call.task });
  const name = formatLocation(target.location);
  const news = { id: `${blob.digest} ${name}`, digest: blob.digest, target: name, sizeBytes: blob.size };
  report({ type: "content-started", mediaType: blob.mediaType, at: clock.now(), ...news });
  const onProgress = (bytes: number) => {
    settings.onSent(target.location, bytes);
    report({ type: "content-progress", id: news.id, bytes, at: clock.now() });
  };
  const { task } = call;
  const onAgain = (offsetBytes: number) =>
    report({ type: "content-again", id: news.id, offsetBytes, ...(task !== undefined && { task }), at: clock.now() });
  try {
    const session = sessionOf(blob.digest, target, settings);
    const watched = repeatsOf(body, onAgain);
    const outcome = await target.pushBlob(blob, watched, {
      onProgress,
      mountFrom: [...siblings, ...from],
      ...call,
      ...session,
      ...(mayBeThere && { mayBeThere }),
    });
    if (outcome !== "existed") settings.broughtTo(target.location).add(blob.digest);
    report({ type: "content-done", outcome, at: clock.now(), ...news });
    return outcome;
  } catch (error) {
    report({ type: "content-done", outcome: "failed", at: clock.now(), error: failureOf(error), ...news });
    throw error;
  }
}

/** What earlier runs have left of the upload, and who is to know where it stands. */
function sessionOf(
  blob: Digest,
  { location }: Store,
  { recording }: Settings,
): Pick<PushBlobOptions, "mayBeThere" | "resume" | "onSession"> {
  const { sessions } = recording.earlier;
  const resume = sessions.size === 0 ? undefined : sessions.get(blobName(location, blob));
  const onSession = (session: string | undefined) => recording.session?.(location, blob, session);
  return {
    mayBeThere: isContinued(recording),
    ...(recording.session && { onSession }),
    ...(resume !== undefined && { resume }),
  };
}

/** `body`, with news of every opening that is not the first at the beginning: an attempt had failed, now or in an earlier run. */
function repeatsOf(body: Replayable, onAgain: (offsetBytes: number) => void): Replayable {
  let isAgain = false;
  return (offset, signal) => {
    if (isAgain || offset > 0) onAgain(offset);
    isAgain = true;
    return body(offset, signal);
  };
}

function log(step: TargetStep, message: string, { report, clock }: Settings): void {
  report({ type: "work-log", id: formatLocation(step.at), message, at: clock.now() });
}
