import { grouped } from "../../async/grouped.ts";
import type { AttemptEvent } from "../../telemetry/attempt.ts";
import { placeOfTarget } from "../../telemetry/derive/place.ts";
import type { TaskEnd } from "../../telemetry/task.ts";
import { timingOf, type Stretch } from "../../telemetry/timing.ts";
import type { TimelineEvent } from "./collect.ts";
import { criticalChain, labelOf, type Link, type Timed } from "./critical.ts";
import { packed } from "./pack.ts";
import { throughputOf, type Throughput } from "./throughput.ts";

/** What a picture of a run shows. Times are in milliseconds since its beginning. Texts may be foreign. */
export interface Timeline {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** What was done, by target: reading, staging, tagging and so on. */
  readonly phases: Lane;
  /** What went over the wire, a lane for each registry. */
  readonly registries: readonly RegistryLane[];
  readonly critical: readonly Link[];
}

/** Bars in rows, so that none covers another. */
export interface Lane {
  readonly name: string;
  readonly rows: number;
  readonly bars: readonly Bar[];
}

export interface RegistryLane extends Lane {
  readonly attempts: number;
  readonly retries: number;
  readonly failures: number;
  readonly throughput: Throughput;
}

/** A piece of work: a phase, or all attempts that one task made at a registry. */
export interface Bar {
  readonly row: number;
  readonly from: number;
  readonly to: number;
  readonly label: string;
  /** What to tell of it, a line each. */
  readonly details: readonly string[];
  readonly kind: string;
  readonly state: "done" | "failed" | "skipped";
  readonly attempts: readonly AttemptBar[];
  /** Waits before another attempt. */
  readonly backoffs: readonly { readonly from: number; readonly to: number }[];
}

export interface AttemptBar {
  readonly from: number;
  readonly to: number;
  readonly stretches: readonly Stretch[];
  readonly details: readonly string[];
  readonly isFailed: boolean;
}

type KnownTask = Timed & { readonly end: TaskEnd };

/** Makes a picture of what was told of a run. Defined for everything: what never ended lasts to the end. */
export function timelineOf(events: readonly TimelineEvent[]): Timeline {
  const attempts = events.filter((event): event is AttemptEvent => event.type === "http");
  const times = events.flatMap(timesOf);
  const startedAt = times.length === 0 ? 0 : times.reduce((a, b) => Math.min(a, b));
  const endedAt = times.length === 0 ? 0 : times.reduce((a, b) => Math.max(a, b));
  const tasks = tasksOf(events, { startedAt, endedAt });
  return {
    startedAt,
    durationMs: endedAt - startedAt,
    phases: phaseLane([...tasks.values()]),
    registries: registryLanes(attempts, tasks, startedAt),
    critical: criticalChain([...tasks.values()], endedAt - startedAt),
  };
}

function timesOf(event: TimelineEvent): readonly number[] {
  return event.type === "http" ? [event.startedAt, event.startedAt + event.durationMs] : [event.at];
}

function tasksOf(
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
function phaseLane(tasks: readonly KnownTask[]): Lane {
  const whole = tasks.filter(({ phase, part }) => part === undefined && phase !== "command" && phase !== "read");
  const ordered = whole.toSorted((a, b) => (a.target ?? "").localeCompare(b.target ?? "") || a.from - b.from);
  const rowOf = rowsByTarget(ordered);
  const bars = ordered.map((task, index) => {
    return { ...taskBar(task), row: rowOf.rows[index] ?? 0, label: labelOf(task, true) };
  });
  return { name: "what was done", rows: rowOf.count, bars };
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

function registryLanes(
  attempts: readonly AttemptEvent[],
  tasks: ReadonlyMap<string, KnownTask>,
  startedAt: number,
): readonly RegistryLane[] {
  const byRegistry = grouped(attempts, placeOf);
  const seen = new Set(attempts.map(({ task }) => task));
  // Runs that nobody watched closely have kept no attempts: what was done is shown all the same.
  const unseen = grouped(
    [...tasks.values()].filter(({ id, part, target }) => part !== undefined && target !== undefined && !seen.has(id)),
    ({ target = "" }) => placeOfTarget(target).registry ?? target,
  );
  const names = new Set([...byRegistry.keys(), ...unseen.keys()]);
  return [...names].map((name) =>
    registryLane(name, byRegistry.get(name) ?? [], { tasks, startedAt, unseen: unseen.get(name) ?? [] }),
  );
}

function placeOf({ registry, url }: AttemptEvent): string {
  return registry ?? (URL.canParse(url) ? new URL(url).host : "elsewhere");
}

interface Known {
  readonly tasks: ReadonlyMap<string, KnownTask>;
  readonly startedAt: number;
  /** Pieces of work here that no attempt is known of. */
  readonly unseen: readonly KnownTask[];
}

function registryLane(name: string, attempts: readonly AttemptEvent[], known: Known): RegistryLane {
  const byTask = grouped(attempts, ({ task, id }) => task ?? id);
  const unplaced = [...[...byTask.values()].map((own) => workBar(own, known)), ...known.unseen.map(taskBar)];
  const { rows, count } = packed(unplaced);
  return {
    name,
    rows: count,
    bars: unplaced.map((bar, index) => ({ ...bar, row: rows[index] ?? 0 })),
    attempts: attempts.length,
    retries: attempts.filter(({ attempt }) => attempt > 1).length,
    failures: attempts.filter(isFailed).length,
    throughput: throughputOf(attempts, known.startedAt),
  };
}

function workBar(attempts: readonly AttemptEvent[], { tasks, startedAt }: Known): Omit<Bar, "row"> {
  const ordered = attempts.toSorted((a, b) => a.startedAt - b.startedAt);
  const bars = ordered.map((attempt) => attemptBar(attempt, startedAt));
  const task = tasks.get(ordered[0]?.task ?? "");
  const from = bars.reduce((least, bar) => Math.min(least, bar.from), Number.POSITIVE_INFINITY);
  const to = bars.reduce((most, bar) => Math.max(most, bar.to), 0);
  return {
    from,
    to,
    label: task ? labelOf(task) : requestLabel(ordered[0]),
    details: task ? detailsOf(task) : [],
    kind: task?.part ?? task?.phase ?? "request",
    state: task ? stateOf(task) : bars.at(-1)?.isFailed ? "failed" : "done",
    attempts: bars,
    backoffs: backoffsOf(ordered, startedAt),
  };
}

function taskBar(task: KnownTask): Omit<Bar, "row"> {
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

function requestLabel(attempt: AttemptEvent | undefined): string {
  return attempt ? `${attempt.method} ${attempt.operation ?? ""}`.trim() : "";
}

function attemptBar(attempt: AttemptEvent, startedAt: number): AttemptBar {
  const timing = timingOf(attempt);
  const from = attempt.startedAt - startedAt;
  return {
    from,
    to: from + attempt.durationMs,
    stretches: timing.stretches.map((stretch) => ({ ...stretch, startedAt: stretch.startedAt - startedAt })),
    isFailed: isFailed(attempt),
    details: [
      `${attempt.method} ${attempt.url}`,
      `${attempt.error ?? `HTTP ${attempt.status ?? "?"}`}, attempt ${attempt.attempt}, ${timing.reused ? "connection reused" : "new connection"}`,
      `${attempt.sentBytes} B sent, ${attempt.receivedBytes} B received, ${attempt.inFlight} in flight`,
      ...(attempt.requestId === undefined ? [] : [`request id ${attempt.requestId}`]),
    ],
  };
}

function isFailed({ error, status = 0 }: AttemptEvent): boolean {
  // That something is not there, that one must sign in and where an upload stands are answers that a publish asks for.
  return error !== undefined || (status >= 400 && ![401, 404, 416].includes(status));
}

/** Between an attempt and the one that repeats it. */
function backoffsOf(attempts: readonly AttemptEvent[], startedAt: number): Bar["backoffs"] {
  const byId = new Map(attempts.map((attempt) => [attempt.id, attempt]));
  return attempts.flatMap((attempt) => {
    const before = attempt.attempt > 1 ? byId.get(attempt.after ?? "") : undefined;
    if (!before) return [];
    const from = before.startedAt + before.durationMs - startedAt;
    const to = attempt.startedAt - startedAt;
    return to > from ? [{ from, to }] : [];
  });
}

function stateOf({ end }: KnownTask): Bar["state"] {
  if (end.error) return "failed";
  return end.outcome === "existed" || end.outcome === "mounted" || end.outcome === "present" ? "skipped" : "done";
}

function detailsOf({ phase, target, digest, sizeBytes, tags, end }: KnownTask): readonly string[] {
  return [
    [phase, target].filter(Boolean).join(" "),
    ...(digest === undefined ? [] : [digest]),
    ...(tags === undefined ? [] : [`tags ${tags.join(", ")}`]),
    ...(sizeBytes === undefined ? [] : [`${sizeBytes} B`]),
    ...(end.outcome === undefined ? [] : [end.outcome]),
    ...(end.error === undefined ? [] : [`${end.error.code}: ${end.error.message}`]),
  ];
}
