import type { AttemptEvent } from "../../src/telemetry/attempt.ts";
import type { WaybillEvent } from "../../src/telemetry/events.ts";
import type { TaskEvent } from "../../src/telemetry/task.ts";

type Started = TaskEvent & { type: "task-started" };
type Done = TaskEvent & { type: "task-done" };

/** What is wrong with the tasks and attempts of a run that is over, as sentences. */
export function treeFaults(events: readonly WaybillEvent[]): readonly string[] {
  const started = events.filter((event): event is Started => event.type === "task-started");
  const ids = started.map(({ id }) => id);
  const known = new Set(ids);
  const done = events.filter((event): event is Done => event.type === "task-done").map(({ id }) => id);
  const attempts = events.filter((event): event is AttemptEvent => event.type === "http");
  const attemptIds = new Set(attempts.map(({ id }) => id));
  return [
    ...repeated(ids).map((id) => `task ${id} begins again`),
    ...repeated(done).map((id) => `task ${id} ends again`),
    ...ids.filter((id) => !done.includes(id)).map((id) => `task ${id} never ends`),
    ...done.filter((id) => !known.has(id)).map((id) => `task ${id} never began`),
    ...started.filter(({ parent }) => parent && !known.has(parent)).map(({ id }) => `task ${id} is an orphan`),
    ...repeated(attempts.map(({ id }) => id)).map((id) => `attempt ${id} is told again`),
    ...attempts.filter(({ task }) => task && !known.has(task)).map(({ id }) => `attempt ${id} is an orphan`),
    ...attempts.filter(({ after }) => after && !attemptIds.has(after)).map(({ id }) => `attempt ${id} follows nothing`),
  ];
}

/** Each task as `phase part < phase part of its parent`, and how many there are of it. */
export function shapeOf(events: readonly WaybillEvent[]): Readonly<Record<string, number>> {
  const started = events.filter((event): event is Started => event.type === "task-started");
  const nameOf = ({ phase, part }: Started) => (part === undefined ? phase : `${phase} ${part}`);
  const names = new Map(started.map((task) => [task.id, nameOf(task)]));
  const counts: Record<string, number> = {};
  for (const task of started) {
    const below = task.parent === undefined ? "" : ` < ${names.get(task.parent)}`;
    const name = `${nameOf(task)}${below}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function repeated(ids: readonly string[]): readonly string[] {
  return ids.filter((id, at) => ids.indexOf(id) !== at);
}
