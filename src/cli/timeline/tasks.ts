import type { TaskEnd } from "../../telemetry/task.ts";
import type { TimelineEvent } from "./collect.ts";
import { labelOf, type Timed } from "./critical.ts";
import type { Bar, Lane } from "./model.ts";
import { packed } from "./pack.ts";

/** A task with its time, and what it has come to. */
export type KnownTask = Timed & { readonly end: TaskEnd };

/** The tasks that were told of, by id. What never ended lasts to the end. */
export function tasksOf(
  events: readonly TimelineEvent[],
  { startedAt, endedAt }: { readonly startedAt: number; readonly endedAt: number },
): ReadonlyMap<string, KnownTask> {
  const tasks = new Map<string, KnownTask>();
  for (const event of events) {
    if (event.type === "task-started") {
      const { type: _type, at, ...task } = event;
      tasks.set(task.id, { ...task, from: at - startedAt, to: endedAt - startedAt, end: {} });
    } else if (event.type === "task-done") {
      const task = tasks.get(event.id);
      const { type: _type, id: _id, at, ...end } = event;
      if (task) tasks.set(event.id, { ...task, to: at - startedAt, end });
    }
  }
  return tasks;
}

/** Whole phases only: what they are made of is in the registries' lanes. */
export function phaseLane(tasks: readonly KnownTask[]): Lane {
  const whole = tasks.filter(({ phase, part }) => part === undefined && phase !== "command" && phase !== "read");
  const ordered = whole.toSorted((a, b) => (a.target ?? "").localeCompare(b.target ?? "") || a.from - b.from);
  const { rows, count } = rowsByTarget(ordered);
  const bars = ordered.map((task, index) => {
    return { ...taskBar(task), row: rows[index] ?? 0, label: labelOf(task, true) };
  });
  return { name: "what was done", rows: count, bars };
}

/** The phases of one target stay together. */
function rowsByTarget(tasks: readonly KnownTask[]): { readonly rows: readonly number[]; readonly count: number } {
  const rows: number[] = [];
  let count = 0;
  const targets = [...new Set(tasks.map(({ target }) => target))];
  for (const target of targets) {
    const own = tasks.filter((task) => task.target === target);
    const pack = packed(own);
    rows.push(...pack.rows.map((row) => row + count));
    count += pack.count;
  }
  return { rows, count };
}

/** A task as a bar, without attempts. */
export function taskBar(task: KnownTask): Omit<Bar, "row"> {
  return {
    from: task.from,
    to: task.to,
    label: labelOf(task),
    details: detailsOf(task),
    kind: task.part ?? task.phase,
    state: stateOf(task),
    attempts: [],
    backoffs: [],
  };
}

/** What is there already needed no work. */
export function stateOf({ end }: KnownTask): Bar["state"] {
  if (end.error) return "failed";
  return end.outcome === "existed" || end.outcome === "mounted" || end.outcome === "present" ? "skipped" : "done";
}

/** What is told of a task, a line each. */
export function detailsOf({ phase, target, digest, sizeBytes, tags, end }: KnownTask): readonly string[] {
  return [
    [phase, target].filter(Boolean).join(" "),
    ...(digest === undefined ? [] : [digest]),
    ...(tags === undefined ? [] : [`tags ${tags.join(", ")}`]),
    ...(sizeBytes === undefined ? [] : [`${sizeBytes} B`]),
    ...(end.outcome === undefined ? [] : [end.outcome]),
    ...(end.error === undefined ? [] : [`${end.error.code}: ${end.error.message}`]),
  ];
}
