import { formatLocation, type Location } from "../spec/reference.ts";
import type { Phase } from "../telemetry/events.ts";
import type { StepOutcome } from "./run.ts";
import type { BarrierStep, Plan, Step, TargetStep } from "./step.ts";

/** Where a target stands. `waitingFor`: how many other targets the barrier still waits for; many are told when they have halved. */
export interface Standing {
  readonly phase: Phase;
  readonly waitingFor?: number;
}

/** Follows a plan while it runs. */
export interface Phases {
  /** Tells where each target begins. */
  begin(): void;
  /** `step` is over: tells what that changes, if anything. */
  settled(step: Step, outcome: StepOutcome): void;
}

const phaseOf = {
  check: "stage",
  stage: "stage",
  verify: "verify",
  compare: "compare",
  tag: "tag",
  confirm: "confirm",
} as const satisfies Readonly<Record<TargetStep["kind"], Phase | "compare">>;

/** Calls `onChange` whenever a target of `plan` comes to another phase; no more for one that has failed or was given up. */
export function followPhases(plan: Plan, onChange: (at: Location, standing: Standing) => void): Phases {
  const barriers = plan.steps.filter((step) => step.kind === "barrier").map((step) => new Barrier(step, plan));
  const targets = new Map<string, Target>();
  for (const step of plan.steps) {
    if (step.kind === "barrier") continue;
    const target = targets.get(formatLocation(step.at)) ?? new Target(step.at, barriers);
    targets.set(target.name, target);
    target.open[phaseOf[step.kind]]++;
  }
  const tell = (target: Target): void => {
    const standing = target.changed();
    if (standing) onChange(target.at, standing);
  };
  const tellAll = () => [...targets.values()].forEach(tell);
  return {
    begin: tellAll,
    settled(step, { state }) {
      if (step.kind === "barrier") {
        for (const barrier of barriers) barrier.isPassed ||= barrier.id === step.id;
        return tellAll();
      }
      const target = targets.get(formatLocation(step.at));
      if (!target) return;
      const open = --target.open[phaseOf[step.kind]];
      const isNews = open === 0 || (state !== "done" && !target.isLost);
      target.isLost ||= state !== "done";
      const arrived = barriers.filter((barrier) => barrier.leave(step.id, target.name));
      if (arrived.length > 0) tellAll();
      else if (isNews) tell(target);
    },
  };
}

/** Who has to arrive at a barrier, and who goes on behind it. */
class Barrier {
  readonly id: string;
  isPassed = false;
  readonly #waiters = new Set<string>();
  readonly #awaited: ReadonlySet<string>;
  readonly #open = new Map<string, number>();
  /** How many targets have not arrived. */
  #openTargets: number;

  constructor({ id, after }: BarrierStep, { steps }: Plan) {
    this.id = id;
    this.#awaited = new Set(after);
    for (const step of steps) {
      if (step.kind === "barrier") continue;
      const name = formatLocation(step.at);
      if (step.after.includes(id)) this.#waiters.add(name);
      if (this.#awaited.has(step.id)) this.#open.set(name, this.#openAt(name) + 1);
    }
    this.#openTargets = this.#open.size;
  }

  /** True when `target` has arrived by this. */
  leave(stepId: string, target: string): boolean {
    if (!this.#awaited.has(stepId)) return false;
    this.#open.set(target, this.#openAt(target) - 1);
    const hasArrived = this.#openAt(target) === 0;
    if (hasArrived) this.#openTargets--;
    return hasArrived;
  }

  /** How many others `target` waits for here; 0 where it does not wait. */
  othersFor(target: string): number {
    if (this.isPassed || !this.#waiters.has(target) || this.#openAt(target) > 0) return 0;
    return this.#openTargets;
  }

  #openAt(target: string): number {
    return this.#open.get(target) ?? 0;
  }
}

class Target {
  readonly at: Location;
  readonly name: string;
  /** Steps that are not over. */
  readonly open = { stage: 0, verify: 0, compare: 0, tag: 0, confirm: 0 };
  /** A step of it has failed, or was not attempted: where it stands means nothing any more. */
  isLost = false;
  readonly #barriers: readonly Barrier[];
  #told: Standing | undefined;

  constructor(at: Location, barriers: readonly Barrier[]) {
    this.at = at;
    this.name = formatLocation(at);
    this.#barriers = barriers;
  }

  /** Where it stands, when that is news after what was said last. */
  changed(): Standing | undefined {
    const standing = this.isLost ? undefined : this.#standing();
    if (!standing || !isWorthTelling(standing, this.#told)) return undefined;
    this.#told = standing;
    return standing;
  }

  #standing(): Standing | undefined {
    const { stage, verify, compare, tag, confirm } = this.open;
    if (stage > 0) return { phase: "stage" };
    if (verify > 0) return { phase: "verify" };
    const waitingFor = Math.max(0, ...this.#barriers.map((barrier) => barrier.othersFor(this.name)));
    if (waitingFor > 0) return { phase: "barrier", waitingFor };
    // A last look before anything is written: the moment is not worth a name of its own. Whoever looks waits for nobody.
    if (compare > 0 && this.#told) return { phase: this.#told.phase };
    if (tag > 0) return { phase: "tag" };
    return confirm > 0 ? { phase: "confirm" } : undefined;
  }
}

/** From here on each of the others that arrives is told of. */
const fewOthers = 3;

/** Who waits for many hears when they are half as many, not of each: that would be news by the square of the targets. */
function isWorthTelling({ phase, waitingFor = 0 }: Standing, told: Standing | undefined): boolean {
  if (phase !== told?.phase) return true;
  const { waitingFor: before = 0 } = told;
  return waitingFor > before || (waitingFor < before && waitingFor <= Math.max(fewOthers, before / 2));
}
