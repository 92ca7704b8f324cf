import { grouped } from "../async/grouped.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation, sameLocation, type Location } from "../spec/reference.ts";
import type { Closure } from "./closure.ts";
import { Ledger } from "./ledger.ts";
import { withinLimits } from "./limits.ts";
import { asExpected, isFound, unclobbered, type Looked, type PublishTarget } from "./look.ts";
import { noNames, type NamesOfTags } from "./named.ts";
import { performOn, type PerformOptions } from "./perform.ts";
import { planPublish } from "./plan.ts";
import type { PublishPolicy } from "./policy.ts";
import type { PublishOptions } from "./publish.ts";
import { queued } from "./queued.ts";
import { sinceFirst, tagName, type Hearing } from "./recording.ts";
import type { TargetResult } from "./result.ts";
import { run, type RunOptions, type StepOutcome } from "./run.ts";
import { inSeries } from "./serial.ts";
import { sharedReads, type SharedReads } from "./shared-reads.ts";
import { stepNews, type StepNews } from "./step-news.ts";
import type { ConfirmStep, Plan, Step, TagStep } from "./step.ts";
import { pastSeen, type TagPast } from "./tag-past.ts";
import { watch } from "./watchdog.ts";

/** As for the whole publish; what counts as proof is settled, because it follows from all targets. */
export interface GroupOptions extends PublishOptions {
  readonly recording: Hearing;
  readonly policy: PublishPolicy & Required<Pick<PublishPolicy, "verify">>;
}

/** One publish to targets that have all been looked at. */
interface Group {
  readonly closure: Closure;
  /** As they were found, and judged. */
  readonly looked: readonly Looked[];
  readonly plan: Plan;
  readonly ledgers: readonly Ledger[];
  readonly ledgerAt: (at: Location) => Ledger | undefined;
  readonly options: GroupOptions;
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
  const group = begin(closure, looked, options);
  await runGroup(group);
  return Promise.all(group.ledgers.map((ledger) => ledger.result()));
}

function begin(closure: Closure, looked: readonly Looked[], options: GroupOptions): Group {
  const { policy } = options;
  const { root } = closure;
  const judged = looked.map((entry) => {
    const expected = asExpected(entry, root);
    return withinLimits(policy.noClobber ? unclobbered(expected, root) : expected, closure);
  });
  const isHeldBack = policy.onError === "abort" && !judged.every(isFound);
  const plan = isHeldBack ? { steps: [] } : planFor(closure, judged, policy);
  const own = grouped(
    plan.steps.filter((step) => step.kind !== "barrier"),
    ({ at }) => formatLocation(at),
  );
  const ledgers = judged.map((entry) => {
    const ledger = new Ledger(sinceFirstRun(entry, root, options), root, options);
    const steps = own.get(formatLocation(entry.target.at)) ?? [];
    ledger.begin(steps, { isHeldBack, ...writtenEarlier(entry, root, options) });
    return ledger;
  });
  const byName = new Map(ledgers.map((ledger) => [formatLocation(ledger.at), ledger]));
  const ledgerAt = (at: Location) => byName.get(formatLocation(at));
  return { closure, looked: judged, plan, ledgers, ledgerAt, options };
}

async function runGroup(group: Group): Promise<void> {
  const { plan, ledgerAt, options } = group;
  await using reads = sharedReads(plan, options);
  const news = stepNews(plan, options);
  using dog = watch(options);
  const perform = performOn(performing(group, reads, () => dog.touch()));
  const outcomes = await run(plan, {
    perform: news.watched(queued(dog.watched(news.told(perform)), options)),
    signal: dog.signal,
    others: othersBy(options.policy),
    onSettled: (step, outcome) => {
      news.settled(step, outcome);
      if (step.kind === "barrier") return;
      reads.settled(step);
      ledgerAt(step.at)?.settle(step, outcome);
    },
  });
  await rollBackAfter(group, outcomes, news);
}

function performing(
  { closure, looked, ledgerAt, options }: Group,
  reads: SharedReads,
  onSign: () => void,
): PerformOptions {
  const { recording } = options;
  return {
    ...options,
    closure,
    reads,
    lookedAt: Math.min(...looked.map(({ startedAt }) => startedAt)),
    onLearned(at, before) {
      const ledger = ledgerAt(at);
      ledger?.learn(firstBefore({ at, tags: Object.keys(before) }, before, { root: closure.root, options }));
      if (ledger) recording.looked?.(at, ledger.before);
    },
    onSeen: (at, names) => ledgerAt(at)?.seen(names),
    onTagging: (at, tags) => ledgerAt(at)?.tagging(tags),
    onTagged(at, tag, how) {
      ledgerAt(at)?.tagged(tag, how);
      recording.tagged(at, tag);
    },
    onSent(at, bytes) {
      onSign();
      ledgerAt(at)?.sent(bytes);
    },
  };
}

/** The entry with what its tags named before the first run of this publish. */
function sinceFirstRun(entry: Looked, root: Digest, options: GroupOptions): Looked {
  return { ...entry, before: firstBefore(entry.target, entry.before ?? noNames, { root, options }) };
}

function firstBefore(
  target: PublishTarget,
  now: NamesOfTags,
  { root, options }: { readonly root: Digest; readonly options: GroupOptions },
): NamesOfTags {
  return sinceFirst(target, now, { root, earlier: options.recording.earlier });
}

/**
 * The tags that earlier runs have written, and those that they were about to write, as far as that is still so: not every
 * target can be looked at again, not every one says what its tags name, and one that named something may not be found for a moment.
 */
function writtenEarlier(
  { target, before = noNames }: Looked,
  root: Digest,
  { recording }: GroupOptions,
): Record<"written" | "doubtful", readonly string[]> {
  const { at, tags } = target;
  const pasts = tags.map((tag) => ({
    tag,
    ...pastSeen(recording.earlier.tags.get(tagName(at, tag)), before[tag], root),
  }));
  const open = pasts.filter(({ tag, write }) => before[tag] === undefined || before[tag] === root || write === "begun");
  const ofThose = (how: TagPast["write"]) => open.filter(({ write }) => write === how).map(({ tag }) => tag);
  return { written: ofThose("acknowledged"), doubtful: ofThose("begun") };
}

/** Puts back what was moved, where a tag could not be written and the policy says so. */
async function rollBackAfter(
  { plan, ledgers, options }: Group,
  outcomes: ReadonlyMap<string, StepOutcome>,
  news: StepNews,
): Promise<void> {
  const { onTagError, onError, deleteCreatedTags = false } = options.policy;
  const failed = plan.steps.filter(isTagging).filter((step) => outcomes.get(step.id)?.state === "failed");
  if (onTagError !== "rollback" || failed.length === 0) return;
  const isConcerned = ({ at }: Ledger) => onError === "abort" || failed.some((step) => sameLocation(step.at, at));
  await rollBack(ledgers.filter(isConcerned), { deleteCreated: deleteCreatedTags }, news);
}

async function rollBack(ledgers: readonly Ledger[], how: { deleteCreated: boolean }, news: StepNews): Promise<void> {
  news.rollingBack(ledgers.map(({ at }) => at));
  await Promise.all(ledgers.map((ledger) => ledger.rollBack(how)));
}

function planFor(closure: Closure, looked: readonly Looked[], policy: GroupOptions["policy"]): Plan {
  const targets = looked.filter(isFound).map(({ target, before, demanded }) => ({
    ...target,
    before,
    ...(demanded && { demanded }),
  }));
  const plan = planPublish(closure, targets, {
    barrier: policy.onError === "abort" && targets.length > 1,
    verify: policy.verify,
    newTagsLast: policy.onTagError === "rollback",
    compare: policy.compare === true || policy.noClobber === true || policy.deleteCreatedTags === true,
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
