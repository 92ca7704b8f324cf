import type { Clock } from "../async/clock.ts";
import { fanOut, type FanOut, type Seat } from "../content/fan-out.ts";
import { createReadBudget } from "../content/read-budget.ts";
import type { Patience } from "../content/shared-read.ts";
import type { Replayable, Source } from "../content/store.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import type { Report } from "../telemetry/events.ts";
import { readTask } from "./read-task.ts";
import type { Plan, StageStep, Step } from "./step.ts";

const mebibyte = 1024 * 1024;
/** How long the others wait for a target that is behind, in milliseconds over the whole run. */
const patienceMs = 100;

/** One read of each blob for all steps of a plan that stage it. Disposing waits until nothing is open; every step must have settled. */
export interface SharedReads extends AsyncDisposable {
  /** The bytes for `step`; `undefined` where no other step stages the same blob, so that it reads for itself. */
  bodyOf(step: StageStep): Replayable | undefined;
  /** `step` is over, begun or not: nothing is kept for it. */
  settled(step: Step): void;
}

export interface SharedReadsOptions {
  readonly open: (location: Location) => Promise<Source>;
  readonly clock: Clock;
  readonly report?: Report;
}

/** Shares the reads of `plan`. Opens nothing. */
export function sharedReads(plan: Plan, options: SharedReadsOptions): SharedReads {
  const places = plan.steps.flatMap((step) => (step.kind === "barrier" ? [] : [formatLocation(step.at)]));
  const targets = new Map(places.map((place): [string, Patience] => [place, { leftMs: patienceMs }]));
  // What is held for slower targets.
  const budget = createReadBudget((32 + 2 * targets.size) * mebibyte);
  const reads: FanOut[] = [];
  const seats = new Map<string, Seat>();
  for (const steps of sharedSteps(plan)) {
    const [{ content, from }] = steps;
    const read = fanOut(content, readTask(content, from, options), { budget, clock: options.clock });
    reads.push(read);
    for (const step of steps) seats.set(step.id, read.seat(targets.get(formatLocation(step.at))));
  }
  return {
    bodyOf: (step) => seats.get(step.id)?.body,
    settled: (step) => seats.get(step.id)?.leave(),
    async [Symbol.asyncDispose]() {
      for (const seat of seats.values()) seat.leave();
      for (const read of reads) await read[Symbol.asyncDispose]();
    },
  };
}

type Steps = [StageStep, ...StageStep[]];

/** The steps that stage a blob which others stage too, blob by blob. Who takes it from a sibling does not read it with the others. */
function sharedSteps(plan: Plan): readonly Steps[] {
  const byDigest = new Map<Digest, Steps>();
  for (const step of plan.steps) {
    if (step.kind !== "stage" || step.role !== "blob" || step.siblings) continue;
    const others = byDigest.get(step.content.digest);
    if (others) others.push(step);
    else byDigest.set(step.content.digest, [step]);
  }
  return [...byDigest.values()].filter((steps) => steps.length > 1);
}
