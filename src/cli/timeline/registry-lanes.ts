import { grouped } from "../../async/grouped.ts";
import type { AttemptEvent } from "../../telemetry/attempt.ts";
import { placeOfTarget } from "../../telemetry/derive/place.ts";
import { timingOf } from "../../telemetry/timing.ts";
import { labelOf } from "./critical.ts";
import type { AttemptBar, Bar, RegistryLane } from "./model.ts";
import { packed } from "./pack.ts";
import { detailsOf, stateOf, taskBar, type KnownTask } from "./tasks.ts";
import { throughputOf } from "./throughput.ts";

/** What went over the wire, a lane for each registry, in bars for what it was done for. */
export function registryLanes(
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
    retries: repeatsIn(attempts).length,
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

interface Repeat {
  readonly before: AttemptEvent;
  readonly again: AttemptEvent;
}

/** Attempts that follow one which has failed, be it of the same request or of another for the same content. */
function repeatsIn(attempts: readonly AttemptEvent[]): readonly Repeat[] {
  const byId = new Map(attempts.map((attempt) => [attempt.id, attempt]));
  return attempts.flatMap((again) => {
    const before = byId.get(again.after ?? "");
    return before && isFailed(before) ? [{ before, again }] : [];
  });
}

/** Between an attempt and the one that repeats it. */
function backoffsOf(attempts: readonly AttemptEvent[], startedAt: number): Bar["backoffs"] {
  return repeatsIn(attempts).flatMap(({ before, again }) => {
    const from = before.startedAt + before.durationMs - startedAt;
    const to = again.startedAt - startedAt;
    return to > from ? [{ from, to }] : [];
  });
}
