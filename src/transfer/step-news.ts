import { finestOf, type Clock } from "../async/clock.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import type { Phase, Report } from "../telemetry/events.ts";
import { followPhases } from "./phases.ts";
import type { Perform, StepOutcome } from "./run.ts";
import type { Plan, Step } from "./step.ts";
import { stepTasks } from "./tasks.ts";

/** Tells what steps do not tell themselves. */
export interface StepNews {
  /** `perform`, seen: what it is not called for needed no doing. */
  watched(perform: Perform): Perform;
  /** `perform`, as tasks: from where a step has had its turn to wait. */
  told(perform: Perform): Perform;
  /** `step` is over, begun or not. */
  settled(step: Step, outcome: StepOutcome): void;
  /** The tags of `targets` are being put back. */
  rollingBack(targets: readonly Location[]): void;
}

/** Begins to tell: which phase each target of `plan` has come to, and which blobs are there because their manifest is. */
export function stepNews(plan: Plan, { report, clock }: { readonly report: Report; readonly clock: Clock }): StepNews {
  const begun = new Set<string>();
  const tellPhase = (at: Location, standing: { readonly phase: Phase; readonly waitingFor?: number }) =>
    report({ type: "phase", target: formatLocation(at), ...standing, at: clock.now() });
  const phases = followPhases(plan, tellPhase);
  const tasks = stepTasks(plan, { report, now: finestOf(clock) });
  phases.begin();

  function tellUnnecessary(step: Step, outcome: StepOutcome): void {
    if (step.kind !== "stage" || step.role !== "blob" || outcome.state !== "done" || begun.has(step.id)) return;
    const { digest, size } = step.content;
    const target = formatLocation(step.at);
    const news = { id: `${digest} ${target}`, digest, target, sizeBytes: size, at: clock.now() };
    report({ ...news, type: "content-done", outcome: "existed" });
  }

  return {
    watched: (perform) => (step, call) => {
      begun.add(step.id);
      return perform(step, call);
    },
    told: (perform) => tasks.perform(perform),
    settled(step, outcome) {
      tasks.settled(step, outcome);
      tellUnnecessary(step, outcome);
      phases.settled(step, outcome);
    },
    rollingBack: (targets) => targets.forEach((at) => tellPhase(at, { phase: "rollback" })),
  };
}
