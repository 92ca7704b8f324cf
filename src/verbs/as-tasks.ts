import type { Scope } from "../async/scope.ts";
import { finestOf, type Clock } from "../async/clock.ts";
import { sourceForTask, storeForTask } from "../content/for-task.ts";
import type { CallOptions, Source, Store } from "../content/store.ts";
import { gather, type Gathered, type GatherOptions, type GatherRequest } from "../image/gather.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import type { Report } from "../telemetry/events.ts";
import { asTask, beginTask, type TaskTeller } from "../telemetry/task.ts";
import { closureOf, type Closure, type ClosureOptions, type ClosureRoot } from "../transfer/closure.ts";
import type { Late, Looking } from "../transfer/late.ts";
import { look, type Looked, type LookOptions, type PublishTarget } from "../transfer/look.ts";
import { preflight, type PreflightOptions } from "../transfer/preflight.ts";

interface Told {
  readonly report: Report;
  readonly clock: Clock;
}

/** `look` at every target at once, told as a task for each. */
export function lookAsTasks(
  targets: readonly PublishTarget[],
  options: LookOptions & Told,
): Promise<readonly Looked[]> {
  return Promise.all(targets.map((target) => lookAsTask(target, options)));
}

/** Begins to look at all targets in `scope`: leaving it ends what is still being asked. */
export function beginLooking(
  targets: readonly PublishTarget[],
  scope: Scope,
  options: LookOptions & Told,
): readonly Looking[] {
  return targets.map((target) => ({
    target,
    looking: scope.spawn((signal) => lookAsTask(target, { ...options, signal })),
  }));
}

function lookAsTask(target: PublishTarget, options: LookOptions & Told): Promise<Looked> {
  const task = preflightTask(target.at);
  const open = async (location: Location) => storeForTask(await options.open(location), task.id);
  return asTask(task, tellerOf(options), () => look(target, { ...options, open }), failureIn);
}

/** It never throws: what it could not see is in its entry. */
function failureIn(looked: Looked): { readonly failure?: unknown } {
  return looked.state === "refused" ? { failure: looked.error } : {};
}

/** `preflight`, told as a task for each target that is asked. */
export function preflightAsTasks(
  looked: readonly (Looked | Late)[],
  root: Digest,
  options: PreflightOptions & Told,
): Promise<readonly (Looked | Late)[]> {
  const open = async (location: Location): Promise<Store> => {
    const store = await options.open(location);
    const task = preflightTask(location, "permission");
    const probe = async (call: CallOptions | undefined) =>
      (await store.probe?.({ ...call, task: task.id })) ?? ("unknown" as const);
    return store.probe ? { ...store, probe: (call) => asTask(task, tellerOf(options), () => probe(call)) } : store;
  };
  return preflight(looked, root, { ...options, open });
}

function preflightTask(at: Location, part?: "permission") {
  const target = formatLocation(at);
  return {
    id: `preflight ${target}${part ? ` ${part}` : ""}`,
    phase: "preflight",
    target,
    ...(part && { part }),
  } as const;
}

/** `gather`, told as the task of reading the sources, with a task in it for making the root. */
export function gatherAsTask(request: GatherRequest, options: GatherOptions & Told): Promise<Gathered> {
  const teller = tellerOf(options);
  const assembling = <T>(work: () => T): T => {
    const end = beginTask({ id: "assemble", parent: resolveTask, phase: "assemble" }, teller);
    try {
      return work();
    } finally {
      end({});
    }
  };
  const open = openToGather(options.open);
  const task = { id: resolveTask, phase: "resolve" } as const;
  return asTask(task, teller, () => gather(request, { ...options, open, assembling }), digestOf);
}

const resolveTask = "resolve";

/** `open`, for what is read while the root is being made; it may go on a little longer. */
export function openToGather(open: (location: Location) => Promise<Source>): typeof open {
  return opening(open, resolveTask);
}

function digestOf({ root }: Gathered): { readonly digest: string } {
  return { digest: root.descriptor.digest };
}

/** `closureOf`, told as the task of planning: it finds out all that there is to do. */
export function closureAsTask(root: ClosureRoot, options: ClosureOptions & Told): Promise<Closure> {
  const id = "plan";
  const open = opening(options.open, id);
  return asTask({ id, phase: "plan" }, tellerOf(options), () => closureOf(root, { ...options, open }));
}

function opening(open: (location: Location) => Promise<Source>, task: string): typeof open {
  return async (location) => sourceForTask(await open(location), task);
}

function tellerOf({ report, clock }: Told): TaskTeller {
  return { report, now: finestOf(clock) };
}
