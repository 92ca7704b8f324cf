import { Controller, follow } from "../async/on-abort.ts";
import { crowded } from "../async/scope.ts";
import { WaybillError } from "../errors.ts";
import { formatLocation } from "../spec/reference.ts";
import type { Plan, Step, TargetStep } from "./step.ts";

/** What doing a step came to. `present` is a check's good news; `existed`, `mounted` and `sent` are a stage's; `passed` is a barrier's. */
export type StepResult = "present" | "absent" | "existed" | "mounted" | "sent" | "tagged" | "passed";

/** What became of a step. */
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
  /** Ends the step and its target: it fails with `error`, whatever becomes of what it has under way. */
  readonly giveUp?: (error: Error) => void;
}

/** Who does the steps, and what a failure means. */
export interface RunOptions {
  readonly perform: Perform;
  /** Aborting it ends the run; its reason becomes the failure of each target that is not finished. */
  readonly signal?: AbortSignal;
  /** Called once for each step, when nothing of it runs any more. Must not throw; what it throws comes out of `run` in the end. */
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
  requireOrder(plan);
  using scopes = new TargetScopes(options);
  const running = new Map<string, Promise<StepOutcome>>();
  for (const step of plan.steps) running.set(step.id, runStep(step, before(step, running), { scopes, options }));
  // None is left behind by an `onSettled` that throws.
  await Promise.allSettled(running.values());
  const outcomes = new Map<string, StepOutcome>();
  for (const [id, outcome] of running) outcomes.set(id, await outcome);
  return outcomes;
}

/** Looks at all steps before the first begins. @throws TypeError as `run` */
function requireOrder({ steps }: Plan): void {
  const listed = new Set<string>();
  const requireListed = (step: Step, id: string) => {
    if (!listed.has(id))
      throw new TypeError(`Step "${step.id}" waits for "${id}", which the plan does not list before it`);
  };
  for (const step of steps) {
    for (const id of step.after) requireListed(step, id);
    if (step.kind !== "barrier" && step.behind !== undefined) requireListed(step, step.behind);
    for (const id of checksOf(step)) requireListed(step, id);
    listed.add(step.id);
  }
}

/** What a step waits for: what it needs, what it comes behind, and what may make it unnecessary. */
interface Before {
  readonly needed: readonly Waited[];
  readonly behind: Waited;
  readonly checks: readonly Waited[];
}

/** Missing for nothing; what a step names is there, because `requireOrder` has seen it. */
type Waited = Promise<StepOutcome> | undefined;

/** All are looked up before the first is waited for. */
function before(step: Step, running: ReadonlyMap<string, Promise<StepOutcome>>): Before {
  const outcomeOf = (id: string) => running.get(id);
  const { behind } = step.kind === "barrier" ? {} : step;
  return {
    needed: step.after.map(outcomeOf),
    behind: behind === undefined ? undefined : outcomeOf(behind),
    checks: checksOf(step).map(outcomeOf),
  };
}

function checksOf(step: Step): readonly string[] {
  return step.kind === "stage" || step.kind === "verify" ? (step.unless ?? []) : [];
}

interface RunContext {
  readonly scopes: TargetScopes;
  readonly options: RunOptions;
}

/** Never rejects. All of a step is one function: most of a plan only waits for most of the time, and what waits is kept. */
async function runStep(step: Step, before: Before, { scopes, options }: RunContext): Promise<StepOutcome> {
  const scope = step.kind === "barrier" ? undefined : scopes.at(step);
  let isReady = true;
  for (const needed of before.needed) isReady = (await needed)?.state === "done" && isReady;
  await before.behind;
  let isPresent = before.checks.length > 0;
  for (const check of before.checks) isPresent = hasFound(await check) && isPresent;

  let outcome: StepOutcome;
  if (!isReady || scope?.stopped) outcome = { state: "not-attempted" };
  else if (step.kind === "barrier") outcome = { state: "done", result: "passed" };
  else if (isPresent) outcome = { state: "done", result: "existed" };
  else {
    try {
      outcome = scopes.done(step, await options.perform(step, scopes.callFor(step)));
    } catch (error) {
      outcome = scopes.fail(step, error);
    }
  }
  options.onSettled?.(step, outcome);
  return outcome;
}

function hasFound(check: StepOutcome | undefined): boolean {
  return check?.state === "done" && check.result === "present";
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

  /** @throws the reason why nothing of the target may begin any more. */
  callFor(step: TargetStep): StepCall {
    const { signal } = this.at(step);
    signal.throwIfAborted();
    return { signal, giveUp: (error) => void this.fail(step, error, error) };
  }

  /** What a step comes to that has got `result`. */
  done(step: TargetStep, result: StepResult): StepOutcome {
    const { failure } = this.at(step);
    return failure?.of === step ? failure.outcome : { state: "done", result };
  }

  /** What a step comes to that has failed, or has been given up. `reason`: why what the target has in flight ends, where that is no failure of another part. */
  fail(step: TargetStep, error: unknown, reason?: Error): StepOutcome {
    const own = this.at(step);
    if (own.failure?.of === step) return own.failure.outcome;
    // A step of a target that has been given up fails because of that.
    if (own.aborted) return { state: "not-attempted" };
    const outcome: StepOutcome = { state: "failed", error };
    own.failure = { of: step, outcome };
    const others = this.#options.others?.(step) ?? "leave";
    own.abort(reason);
    for (const scope of this.#scopes.values()) {
      if (others === "abort") scope.abort();
      if (others === "stop") scope.stopped = true;
    }
    return outcome;
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
  /** The step that ended it, if that was one of its own. */
  failure: { readonly of: TargetStep; readonly outcome: StepOutcome } | undefined;

  constructor(parent: AbortSignal | undefined) {
    crowded(this.#controller.signal);
    this.#unlink = follow(parent, this.#controller);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: Error = new WaybillError("cancelled", "Cancelled because another part of the run failed")): void {
    this.stopped = true;
    this.aborted = true;
    this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    this.#unlink();
  }
}
