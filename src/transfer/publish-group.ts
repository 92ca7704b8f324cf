import type { Digest } from "../spec/digest.ts";
import { sameLocation, type Location } from "../spec/reference.ts";
import type { Closure } from "./closure.ts";
import { Ledger, type TargetResult } from "./ledger.ts";
import { withinLimits } from "./limits.ts";
import { unclobbered, type Looked } from "./look.ts";
import { performOn } from "./perform.ts";
import { planPublish } from "./plan.ts";
import type { PublishOptions, PublishPolicy } from "./publish.ts";
import { queued } from "./queued.ts";
import { sinceFirst, tagName, type Recording } from "./recording.ts";
import { run, type RunOptions } from "./run.ts";
import { inSeries } from "./serial.ts";
import { sharedReads } from "./shared-reads.ts";
import { stepNews, type StepNews } from "./step-news.ts";
import type { ConfirmStep, Plan, Step, TagStep } from "./step.ts";
import { bounded, watch } from "./watchdog.ts";

/** As for the whole publish; what counts as proof is settled, because it follows from all targets. */
export interface GroupOptions extends PublishOptions {
  readonly policy: PublishPolicy & Required<Pick<PublishPolicy, "verify">>;
}

/**
 * Publishes to targets that have all been looked at, by one plan.
 *
 * @returns a result per target, in the order of `looked`. Never rejects for a target's failure.
 */
export async function publishGroup(
  closure: Closure,
  looked: readonly Looked[],
  options: GroupOptions,
): Promise<readonly TargetResult[]> {
  const { policy, recording } = options;
  const judged = looked.map((entry) =>
    withinLimits(policy.noClobber ? unclobbered(entry, closure.root) : entry, closure),
  );
  const isAborted = policy.onError === "abort" && judged.some((entry) => "error" in entry);
  const plan = isAborted ? { steps: [] } : planFor(closure, judged, policy);
  const ledgers = judged.map((entry) => new Ledger(sinceFirstRun(entry, closure.root, options), closure.root, options));
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
  const started = bounded(news.told(perform), options.clock, options.leastBytesPerSecond);
  using dog = watch(queued(started, options.blobsInFlight), options.clock, options.signal);
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
  return Promise.all(ledgers.map((ledger) => ledger.result()));
}

/** The entry with what its tags named before the first run of this publish. */
function sinceFirstRun(entry: Looked, root: Digest, { recording }: GroupOptions): Looked {
  if (!recording || !("before" in entry)) return entry;
  const before = sinceFirst(entry.target.at, entry.before, { root, earlier: recording.earlier });
  return { ...entry, before };
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

function planFor(closure: Closure, looked: readonly Looked[], policy: GroupOptions["policy"]): Plan {
  const targets = looked.flatMap((entry) => ("before" in entry ? [{ ...entry.target, before: entry.before }] : []));
  const plan = planPublish(closure, targets, {
    barrier: policy.onError === "abort" && targets.length > 1,
    verify: policy.verify,
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
