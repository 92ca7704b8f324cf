import type { Task } from "../../telemetry/task.ts";

/** One piece of the chain that decided how long a run took, in milliseconds since its beginning. */
export interface Link {
  readonly from: number;
  readonly to: number;
  readonly label: string;
}

/** A task with its time, in milliseconds since the run's beginning. */
export type Timed = Task & { readonly from: number; readonly to: number };

/** Below this a gap is the program's own thinking, and not worth a line. */
const slackMs = 1;

/**
 * The chain of work that ended last: from the end backwards, each piece is the one that ended last before the next began.
 * What came to an end at the same moment is taken by its beginning, the later first. Waits between pieces are not part of it.
 */
export function criticalChain(tasks: readonly Timed[], endMs: number): readonly Link[] {
  const parents = new Set(tasks.map(({ parent }) => parent));
  const leaves = tasks.filter(({ id, phase }) => !parents.has(id) && phase !== "command" && phase !== "read");
  const byEnd = leaves.toSorted((a, b) => b.to - a.to || b.from - a.from);
  const chain: Link[] = [];
  let until = endMs;
  for (const task of byEnd) {
    if (task.to > until + slackMs) continue;
    chain.unshift({ from: task.from, to: task.to, label: labelOf(task, true) });
    until = task.from;
  }
  return chain;
}

/** Names a task in a few words. `withTarget`: where its place does not tell where it was done. */
export function labelOf({ phase, part, target, digest, tags }: Task, withTarget = false): string {
  const what = tags?.join(", ") ?? digest?.slice(0, 19);
  const where = target === undefined || (what !== undefined && !withTarget) ? "" : `at ${target}`;
  return [part ?? phase, what, where].filter(Boolean).join(" ");
}
