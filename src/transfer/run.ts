import { Controller, follow } from "../async/on-abort.ts";
import { crowded } from "../async/scope.ts";
import { WaybillError } from "../errors.ts";
import { formatLocation } from "../spec/reference.ts";
import type { Plan, Step, TargetStep } from "./step.ts";

/** What doing a step came to. `present` is a check's good news; `existed`, `mounted` and `sent` are a stage's; `passed` is a barrier's. */
export type StepResult = "present" | "absent" | "existed" | "mounted" | "sent" | "tagged" | "passed";

export type StepOutcome =
  | { readonly state: "done"; readonly result: StepResult }
  | { readonly state: "failed"; readonly error: unknown }
  /** Never begun, or given up in the middle, because another step of its target had failed or the run was cancelled. */
  | { readonly state: "not-attempted" };

/** Does one step. Everything it started has ended when it settles. */
export type Perform = (step: TargetStep, call: StepCall) => Promise<StepResult>;

export interface StepCall {
  readonly signal: AbortSignal;
  /** What the step is told as. */
  readonly task?: string;
}

export interface RunOptions {
  readonly perform: Perform;
  /** Aborting it ends the run; its reason becomes the failure of each target that is not finished. */
  readonly signal?: AbortSignal;
  /** Called once for each step, when nothing of it runs any more. Must not throw. */
  readonly onSettled?: (step: Step, outcome: StepOutcome) => void;
  /**
   * What the failure of a step means for the other targets. `leave` (default): nothing. `stop`: they begin no further step.
   * `abort`: what they have in flight is cancelled too.
   */
  readonly others?: (failed: TargetStep) => "leave" | "stop" | "abort";
}

/**
 * Runs every step as soon as those before it are done, all that is independent at the same time. A failure ends its own
 * target: what that target has in flight is cancelled and awaited, what it has not begun is not begun. What it means for
 * the others is `options.others`.
 *
 * @returns the outcome of every step, when nothing runs any more. Never rejects for a step's failure.
 * @throws TypeError where a step waits for one that the plan does not list before it.
 */
export async function run(plan: Plan, options: RunOptions): Promise<ReadonlyMap<string, StepOutcome>> {
  const scopes = new TargetScopes(options);
  const running = new Map<string, Promise<StepOutcome>>();
  for (const step of plan.steps) {
    const before = waitFor(step, running);
    const outcome = step.kind === "barrier" ? pass(before) : runStep(step, before, scopes, options.perform);
    running.set(step.id, settle(step, outcome, options));
  }
  const outcomes = new Map<string, StepOutcome>();
  for (const [id, outcome] of running) outcomes.set(id, await outcome);
  scopes[Symbol.dispose]();
  return outcomes;
}

async function pass(before: Promise<ReadonlyMap<string, StepOutcome>>): Promise<StepOutcome> {
  const outcomes = [...(await before).values()];
  return outcomes.every(({ state }) => state === "done")
    ? { state: "done", result: "passed" }
    : { state: "not-attempted" };
}

async function settle(step: Step, running: Promise<StepOutcome>, options: RunOptions): Promise<StepOutcome> {
  const outcome = await running;
  options.onSettled?.(step, outcome);
  return outcome;
}

async function waitFor(
  step: Step,
  running: ReadonlyMap<string, Promise<StepOutcome>>,
): Promise<ReadonlyMap<string, StepOutcome>> {
  const ids = [...step.after, ...orderOf(step), ...(step.kind === "stage" ? (step.unless ?? []) : [])];
  // All are looked up before the first is waited for: what is not listed before the step is not running yet.
  const before = ids.map((id) => {
    const outcome = running.get(id);
    if (!outcome) throw new TypeError(`Step "${step.id}" waits for "${id}", which the plan does not list before it`);
    return { id, outcome };
  });
  const outcomes = new Map<string, StepOutcome>();
  for (const { id, outcome } of before) outcomes.set(id, await outcome);
  return outcomes;
}

function orderOf(step: Step): readonly string[] {
  return step.kind === "barrier" || step.behind === undefined ? [] : [step.behind];
}

async function runStep(
  step: TargetStep,
  before: Promise<ReadonlyMap<string, StepOutcome>>,
  scopes: TargetScopes,
  perform: Perform,
): Promise<StepOutcome> {
  const scope = scopes.at(step);
  const outcomes = await before;
  if (scope.stopped || step.after.some((id) => outcomes.get(id)?.state !== "done")) return { state: "not-attempted" };
  if (isUnnecessary(step, outcomes)) return { state: "done", result: "existed" };
  try {
    scope.signal.throwIfAborted();
    return { state: "done", result: await perform(step, { signal: scope.signal }) };
  } catch (error) {
    return scopes.fail(step, error);
  }
}

function isUnnecessary(step: Step, outcomes: ReadonlyMap<string, StepOutcome>): boolean {
  if (step.kind !== "stage" || !step.unless?.length) return false;
  return step.unless.every((id) => {
    const outcome = outcomes.get(id);
    return outcome?.state === "done" && outcome.result === "present";
  });
}

/** What runs for each target, so that one failure can end its own target and, where the policy says so, the others. */
class TargetScopes implements Disposable {
  readonly #options: RunOptions;
  readonly #scopes = new Map<string, TargetScope>();

  constructor(options: RunOptions) {
    this.#options = options;
  }

  at({ at }: TargetStep): TargetScope {
    const name = formatLocation(at);
    const scope = this.#scopes.get(name) ?? new TargetScope(this.#options.signal);
    this.#scopes.set(name, scope);
    return scope;
  }

  fail(step: TargetStep, error: unknown): StepOutcome {
    const own = this.at(step);
    // A step of a target that has been given up fails because of that.
    if (own.aborted) return { state: "not-attempted" };
    const others = this.#options.others?.(step) ?? "leave";
    own.abort();
    for (const scope of this.#scopes.values()) {
      if (others === "abort") scope.abort();
      if (others === "stop") scope.stopped = true;
    }
    return { state: "failed", error };
  }

  [Symbol.dispose](): void {
    for (const scope of this.#scopes.values()) scope[Symbol.dispose]();
  }
}

class TargetScope implements Disposable {
  readonly #controller = new Controller();
  readonly #unlink: () => void;
  /** Begins no further step. */
  stopped = false;
  /** Has been given up: what was in flight is cancelled. */
  aborted = false;

  constructor(parent: AbortSignal | undefined) {
    crowded(this.#controller.signal);
    this.#unlink = follow(parent, this.#controller);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(): void {
    this.stopped = true;
    this.aborted = true;
    this.#controller.abort(new WaybillError("cancelled", "Cancelled because another part of the run failed"));
  }

  [Symbol.dispose](): void {
    this.#unlink();
  }
}
