import { WaybillError } from "../errors.ts";
import { formatLocation } from "../spec/reference.ts";
import type { Plan, Step } from "./step.ts";

/** What doing a step came to. `present` is a check's good news; `existed`, `mounted` and `sent` are a stage's. */
export type StepResult = "present" | "absent" | "existed" | "mounted" | "sent" | "tagged";

export type StepOutcome =
  | { readonly state: "done"; readonly result: StepResult }
  | { readonly state: "failed"; readonly error: unknown }
  /** Never begun, or given up in the middle, because another step of its target had failed or the run was cancelled. */
  | { readonly state: "not-attempted" };

/** Does one step. Everything it started has ended when it settles. */
export type Perform = (step: Step, options: { readonly signal: AbortSignal }) => Promise<StepResult>;

export interface RunOptions {
  readonly perform: Perform;
  /** Aborting it ends the run; its reason becomes the failure of each target that is not finished. */
  readonly signal?: AbortSignal;
  /** Called once for each step, when nothing of it runs any more. Must not throw. */
  readonly onSettled?: (step: Step, outcome: StepOutcome) => void;
}

/**
 * Runs every step as soon as those before it are done, all that is independent at the same time. A failure ends its own
 * target: what that target has in flight is cancelled and awaited, what it has not begun is not begun; the others go on.
 *
 * @returns the outcome of every step, when nothing runs any more. Never rejects for a step's failure.
 * @throws TypeError where a step waits for one that the plan does not list before it.
 */
export async function run(plan: Plan, options: RunOptions): Promise<ReadonlyMap<string, StepOutcome>> {
  const targets = new Map<string, TargetScope>();
  const running = new Map<string, Promise<StepOutcome>>();
  for (const step of plan.steps) {
    const name = formatLocation(step.at);
    const scope = targets.get(name) ?? new TargetScope(options.signal);
    targets.set(name, scope);
    running.set(step.id, settle(step, runStep(step, waitFor(step, running), scope, options.perform), options));
  }
  const outcomes = new Map<string, StepOutcome>();
  for (const [id, outcome] of running) outcomes.set(id, await outcome);
  for (const scope of targets.values()) scope[Symbol.dispose]();
  return outcomes;
}

async function settle(step: Step, running: Promise<StepOutcome>, options: RunOptions): Promise<StepOutcome> {
  const outcome = await running;
  options.onSettled?.(step, outcome);
  return outcome;
}

function waitFor(
  step: Step,
  running: ReadonlyMap<string, Promise<StepOutcome>>,
): Promise<ReadonlyMap<string, StepOutcome>> {
  const ids = [...step.after, ...(step.kind === "stage" ? (step.unless ?? []) : [])];
  const waits = ids.map(async (id): Promise<[string, StepOutcome]> => {
    const outcome = running.get(id);
    if (!outcome) throw new TypeError(`Step "${step.id}" waits for "${id}", which the plan does not list before it`);
    return [id, await outcome];
  });
  return Promise.all(waits).then((entries) => new Map(entries));
}

async function runStep(
  step: Step,
  before: Promise<ReadonlyMap<string, StepOutcome>>,
  scope: TargetScope,
  perform: Perform,
): Promise<StepOutcome> {
  const outcomes = await before;
  if (scope.failed || step.after.some((id) => outcomes.get(id)?.state !== "done")) return { state: "not-attempted" };
  if (isUnnecessary(step, outcomes)) return { state: "done", result: "existed" };
  try {
    scope.signal.throwIfAborted();
    return { state: "done", result: await perform(step, { signal: scope.signal }) };
  } catch (error) {
    return scope.fail(error);
  }
}

function isUnnecessary(step: Step, outcomes: ReadonlyMap<string, StepOutcome>): boolean {
  if (step.kind !== "stage" || !step.unless?.length) return false;
  return step.unless.every((id) => {
    const outcome = outcomes.get(id);
    return outcome?.state === "done" && outcome.result === "present";
  });
}

/** Everything that runs for one target: the first failure aborts the rest of it. */
class TargetScope implements Disposable {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal | undefined;
  readonly #onParentAbort = () => this.#controller.abort(this.#parent?.reason);
  failed = false;

  constructor(parent: AbortSignal | undefined) {
    this.#parent = parent;
    if (parent?.aborted) this.#onParentAbort();
    else parent?.addEventListener("abort", this.#onParentAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  fail(error: unknown): StepOutcome {
    if (this.failed) return { state: "not-attempted" };
    this.failed = true;
    this.#controller.abort(new WaybillError("cancelled", "Cancelled because another part of this target failed"));
    return { state: "failed", error };
  }

  [Symbol.dispose](): void {
    this.#parent?.removeEventListener("abort", this.#onParentAbort);
  }
}
