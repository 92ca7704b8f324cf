import type { Clock } from "../async/clock.ts";
import type { Store } from "../content/store.ts";
import { hasCode } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation, sameLocation, type Location } from "../spec/reference.ts";
import type { Report } from "../telemetry/events.ts";
import type { Closure } from "./closure.ts";
import { Ledger, type TargetResult } from "./ledger.ts";
import { withinLimits } from "./limits.ts";
import { unclobbered, type Looked } from "./look.ts";
import { performOn } from "./perform.ts";
import { isComplete } from "./outcome.ts";
import { planPublish } from "./plan.ts";
import { queued } from "./queued.ts";
import { tagName, type Ending, type Recording } from "./recording.ts";
import { run, type RunOptions } from "./run.ts";
import { inSeries } from "./serial.ts";
import { sharedReads } from "./shared-reads.ts";
import { stepNews, type StepNews } from "./step-news.ts";
import type { ConfirmStep, Plan, Step, TagStep } from "./step.ts";
import { bounded, watch } from "./watchdog.ts";

/** How targets depend on each other, and what counts as proof. */
export interface PublishPolicy {
  /**
   * `abort`: no tag is written anywhere before every target is staged; one that cannot be staged ends them all.
   * `keep-going`: each target for itself.
   */
  readonly onError: "abort" | "keep-going";
  /**
   * When a tag cannot be written. `finish` (default): the other targets get theirs. `rollback`: what was moved is put back, at
   * all targets or, with `keep-going`, at that one; tags that are new, and so cannot be put back, are written last.
   */
  readonly onTagError?: "finish" | "rollback";
  /** What is asked for before tags are written. Default: `ack` for one target, `manifests` for several. */
  readonly verify?: "ack" | "manifests" | "full";
  /** With `rollback`: take new tags away again where the target is known to take nothing else with them. Default: they stay. */
  readonly deleteCreatedTags?: boolean;
  /** Never move a tag that names something else. */
  readonly noClobber?: boolean;
  /** Something was demanded of what tags name: each is asked for once more before it is written. Implied by `noClobber`. */
  readonly compare?: boolean;
  /** `parallel` (default): all at the same time. `serial`: one target after the other, in the given order, one blob at a time. */
  readonly strategy?: "parallel" | "serial";
}

export interface PublishOptions {
  /** Default: `abort`, `finish`. */
  readonly policy?: PublishPolicy;
  readonly open: (location: Location) => Promise<Store>;
  readonly clock: Clock;
  readonly report: Report;
  readonly signal?: AbortSignal;
  readonly blobsInFlight?: number;
  /** Takes the publish down as it goes, and knows what earlier runs of it have done. The caller disposes of it. */
  readonly recording?: Recording;
}

/**
 * Makes every target hold `closure` and name its root: stage everywhere, verify, and only then write tags, as the policy says.
 *
 * @returns a result per target, in the order of `looked`. Never rejects for a target's failure.
 */
export async function publish(
  closure: Closure,
  looked: readonly Looked[],
  options: PublishOptions,
): Promise<readonly TargetResult[]> {
  const { policy = { onError: "abort" }, recording } = options;
  const judged = looked.map((entry) =>
    withinLimits(policy.noClobber ? unclobbered(entry, closure.root) : entry, closure),
  );
  const isAborted = policy.onError === "abort" && judged.some((entry) => "error" in entry);
  const plan = isAborted ? { steps: [] } : planFor(closure, judged, policy);
  const ledgers = judged.map((entry) => new Ledger(sinceFirst(entry, recording), closure.root, options));
  const ledgerAt = (at: Location) => ledgers.find((ledger) => sameLocation(ledger.at, at));
  for (const [index, ledger] of ledgers.entries()) {
    ledger.begin(plan, { isHeldBack: isAborted, written: writtenEarlier(judged[index], closure.root, recording) });
  }
  await using reads = sharedReads(plan, options);
  const news = stepNews(plan, options);
  const perform = performOn({
    ...options,
    closure,
    reads,
    lookedAt: Math.min(...looked.map(({ startedAt }) => startedAt)),
    onTagged: (at, tag) => {
      ledgerAt(at)?.tagged(tag);
      recording?.tagged(at, tag);
    },
    onSent: (at, bytes) => {
      dog.touch();
      ledgerAt(at)?.sent(bytes);
    },
  });
  const orderly = queued(news.told(perform), options.blobsInFlight);
  using dog = watch(bounded(orderly, options.clock), options.clock, options.signal);
  const outcomes = await run(plan, {
    perform: news.watched(dog.perform),
    signal: dog.signal,
    others: othersBy(policy),
    onSettled: (step, outcome) => {
      news.settled(step, outcome);
      if (step.kind === "barrier") return;
      reads.settled(step);
      ledgerAt(step.at)?.settle(step, outcome);
    },
  });
  if (policy.onTagError === "rollback") {
    const failed = plan.steps.filter(isTagging).filter((step) => outcomes.get(step.id)?.state === "failed");
    const isConcerned = ({ at }: Ledger) =>
      policy.onError === "abort" || failed.some((step) => sameLocation(step.at, at));
    const how = { deleteCreated: policy.deleteCreatedTags === true };
    if (failed.length > 0) await rollBack(ledgers.filter(isConcerned), how, news);
  }
  const results = await Promise.all(ledgers.map((ledger) => ledger.result()));
  await recording?.end({ state: stateOf(results, options.signal), results });
  return results;
}

function stateOf(results: readonly TargetResult[], signal: AbortSignal | undefined): Ending["state"] {
  if (results.every(isComplete)) return "done";
  return signal?.aborted && hasCode(signal.reason, "cancelled") ? "interrupted" : "failed";
}

/** The entry with what its tags named before the first run of this publish. */
function sinceFirst(entry: Looked, recording: Recording | undefined): Looked {
  const name = formatLocation(entry.target.at);
  const first = recording?.publication.targets.find(({ target }) => target === name);
  return first && "before" in entry ? { ...entry, before: first.before } : entry;
}

/** The tags that name the root because an earlier run has written them. */
function writtenEarlier(entry: Looked | undefined, root: Digest, recording: Recording | undefined): readonly string[] {
  if (!entry || !recording || !("before" in entry)) return [];
  const { at, tags } = entry.target;
  return tags.filter((tag) => entry.before[tag] === root && recording.earlier.written.has(tagName(at, tag)));
}

async function rollBack(ledgers: readonly Ledger[], how: { deleteCreated: boolean }, news: StepNews): Promise<void> {
  news.rollingBack(ledgers.map(({ at }) => at));
  await Promise.all(ledgers.map((ledger) => ledger.rollBack(how)));
}

function planFor(closure: Closure, looked: readonly Looked[], policy: PublishPolicy): Plan {
  const targets = looked.flatMap((entry) => ("before" in entry ? [{ ...entry.target, before: entry.before }] : []));
  const plan = planPublish(closure, targets, {
    barrier: policy.onError === "abort" && targets.length > 1,
    verify: policy.verify ?? (looked.length > 1 ? "manifests" : "ack"),
    newTagsLast: policy.onTagError === "rollback",
    compare: policy.compare === true || policy.noClobber === true,
  });
  return policy.strategy === "serial" ? inSeries(plan) : plan;
}

/** What one target's failure means for the others: before the barrier the end, after it what the policy says. */
function othersBy({ onError, onTagError }: PublishPolicy): NonNullable<RunOptions["others"]> {
  return (step) => {
    if (onError === "keep-going") return "leave";
    if (isTagging(step)) return onTagError === "rollback" ? "stop" : "leave";
    return "abort";
  };
}

function isTagging(step: Step): step is TagStep | ConfirmStep {
  return step.kind === "tag" || step.kind === "confirm";
}
