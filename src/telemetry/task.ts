import { WaybillError } from "../errors.ts";

/** What a piece of work is for. The first is the whole run; `read`: content that is read once for several targets. */
export type TaskPhase =
  | "command"
  | "preflight"
  | "resolve"
  | "assemble"
  | "plan"
  | "read"
  | "stage"
  | "verify"
  | "tag"
  | "confirm"
  | "rollback";

/**
 * A piece of work with its place in the tree of the run. Without `parent` it belongs to the command itself. Without `part` it
 * is the whole phase: of its target, where it has one.
 */
export interface Task {
  /** Unique within the run. Requests carry it, so that they can be told apart by what they were for. */
  readonly id: string;
  readonly parent?: string;
  readonly phase: TaskPhase;
  readonly part?: "blob" | "manifest" | "check" | "compare" | "tags" | "permission";
  /** Of a command. */
  readonly name?: string;
  /** The repository or layout that it works on. */
  readonly target?: string;
  readonly digest?: string;
  readonly mediaType?: string;
  readonly sizeBytes?: number;
  readonly tags?: readonly string[];
}

/** The task that stands for the whole run: what has no parent belongs to it, and it to whoever called us. */
export const commandTask = "command";

/** Why a task or a piece of work failed. Foreign text: escaped where it is shown. */
export interface TaskFailure {
  readonly code: string;
  readonly message: string;
}

/** What a task has come to. */
export interface TaskEnd {
  /** Such as `sent`, `mounted`, `existed`. */
  readonly outcome?: string;
  /** Of what the task has made, where it was not known before. */
  readonly digest?: string;
  readonly error?: TaskFailure;
}

/** Each task begins once and ends once; its children may end after it. */
export type TaskEvent =
  | ({ readonly type: "task-started"; readonly at: number } & Task)
  | ({ readonly type: "task-done"; readonly id: string; readonly at: number } & TaskEnd);

/** Who hears of tasks, and by which clock. */
export interface TaskTeller {
  readonly report: (event: TaskEvent) => void;
  readonly now: () => number;
}

/** Ends a task; `failure` is what was thrown. Only the first call counts. */
export type EndTask = (end: Omit<TaskEnd, "error"> & { readonly failure?: unknown }) => void;

/** Tells that a task has begun. Whoever begins it ends it. */
export function beginTask(task: Task, { report, now }: TaskTeller): EndTask {
  let isOver = false;
  report({ type: "task-started", ...task, at: now() });
  return ({ failure, ...end }) => {
    if (isOver) return;
    isOver = true;
    const error = failure === undefined ? {} : { error: failureOf(failure) };
    report({ type: "task-done", id: task.id, at: now(), ...end, ...error });
  };
}

/**
 * Does `work` as a task. `endOf`: what a result says of it.
 *
 * @throws what `work` throws; the task has failed then.
 */
export async function asTask<T>(
  task: Task,
  teller: TaskTeller,
  work: () => Promise<T>,
  endOf: (result: T) => Parameters<EndTask>[0] = () => ({}),
): Promise<T> {
  const end = beginTask(task, teller);
  try {
    const result = await work();
    end(endOf(result));
    return result;
  } catch (error) {
    end({ failure: error });
    throw error;
  }
}

/**
 * An error as it is told, in every account the same. What is not a `WaybillError` is our mistake, and named with its class, but for
 * what a signal aborts with that was given no reason.
 */
export function failureOf(error: unknown): TaskFailure {
  if (error instanceof WaybillError) return { code: error.code, message: error.message };
  const isAbort = error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError");
  if (isAbort) return { code: "cancelled", message: error.message };
  const message = error instanceof Error ? `${error.name}: ${error.message}` : `something was thrown: ${String(error)}`;
  return { code: "internal", message };
}
