import { essence, isManifestType } from "../spec/media-type.ts";
import { formatLocation } from "../spec/reference.ts";
import { failureOf, type Task, type TaskEnd, type TaskPhase, type TaskTeller } from "../telemetry/task.ts";
import type { Perform, StepOutcome } from "./run.ts";
import type { Plan, Step, TargetStep } from "./step.ts";

/** Tells the steps of a plan as tasks, each below its target's phase. */
export interface StepTasks {
  /** `perform`, which tells when a step begins and hands its task on. */
  perform(perform: Perform): Perform;
  /** `step` is over. Called once for each step, also for those that were never performed. */
  settled(step: Step, outcome: StepOutcome): void;
}

/** A target's phase: begins with the first of its steps that is performed, ends with the last that is over. */
interface PhaseTask {
  readonly task: Task;
  open: number;
  begun: boolean;
  end: TaskEnd;
}

const phaseOf: Readonly<Record<TargetStep["kind"], TaskPhase>> = {
  check: "stage",
  stage: "stage",
  compare: "tag",
  verify: "verify",
  tag: "tag",
  confirm: "confirm",
};

/** Knows all steps from the plan, so that a phase ends when nothing of it is left. */
export function stepTasks(plan: Plan, { report, now }: TaskTeller): StepTasks {
  const phases = new Map<string, PhaseTask>();
  const phaseFor = (step: TargetStep): PhaseTask => {
    const task = phaseTask(step);
    const known = phases.get(task.id) ?? { task, open: 0, begun: false, end: {} };
    phases.set(task.id, known);
    return known;
  };
  for (const step of plan.steps) if (step.kind !== "barrier") phaseFor(step).open++;
  const begun = new Set<string>();

  function begin(step: TargetStep): void {
    const phase = phaseFor(step);
    if (!phase.begun) report({ type: "task-started", ...phase.task, at: now() });
    phase.begun = true;
    begun.add(step.id);
    report({ type: "task-started", ...stepTask(step, phase.task.id), at: now() });
  }

  return {
    perform: (perform) => (step, call) => {
      begin(step);
      return perform(step, { signal: call.signal, task: step.id });
    },
    settled(step, outcome) {
      if (step.kind === "barrier") return;
      const phase = phaseFor(step);
      // What needed no work is told all the same: skipping is an outcome.
      if (outcome.state === "done" && !begun.has(step.id)) begin(step);
      const end = endOf(outcome);
      if (begun.delete(step.id)) report({ type: "task-done", id: step.id, at: now(), ...end });
      if (end.error) phase.end = { error: end.error, ...phase.end };
      if (--phase.open === 0 && phase.begun) {
        report({ type: "task-done", id: phase.task.id, at: now(), ...phase.end });
      }
    },
  };
}

function phaseTask({ kind, at }: TargetStep): Task {
  const target = formatLocation(at);
  return { id: `${phaseOf[kind]} ${target}`, phase: phaseOf[kind], target };
}

function stepTask(step: TargetStep, parent: string): Task {
  const { digest, mediaType, size } = step.content;
  const tags = step.kind === "tag" || step.kind === "confirm" || step.kind === "compare" ? { tags: step.tags } : {};
  return {
    id: step.id,
    parent,
    phase: phaseOf[step.kind],
    part: partOf(step),
    target: formatLocation(step.at),
    digest,
    mediaType,
    sizeBytes: size,
    ...tags,
  };
}

function partOf(step: TargetStep): NonNullable<Task["part"]> {
  if (step.kind === "stage") return step.role;
  if (step.kind === "check" || step.kind === "compare") return step.kind;
  if (step.kind !== "verify") return "tags";
  return isManifestType(essence(step.content.mediaType)) ? "manifest" : "blob";
}

function endOf(outcome: StepOutcome): TaskEnd {
  if (outcome.state === "done") return { outcome: outcome.result };
  if (outcome.state === "failed") return { error: failureOf(outcome.error) };
  return { outcome: "not-attempted" };
}
