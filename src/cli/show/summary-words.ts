import { hasCode, innermostMessage, WaybillError } from "../../errors.ts";
import { formatLocation } from "../../spec/reference.ts";
import { isComplete, tagStates, type TagResult, type TagState, type TargetResult } from "../../transfer/result.ts";
import type { CreateResult } from "../../verbs/create.ts";
import { exitCodeOf } from "../exit-code.ts";
import { canGoOn } from "../outcome.ts";
import { adviceFor } from "../failure.ts";
import { formatDuration } from "../units.ts";

/** What the run came to, in one sentence. */
export function headline({ targets }: CreateResult, error: unknown): string {
  const took = formatDuration(Math.max(0, ...targets.map(({ durationMs }) => durationMs)));
  if (targets.every(isComplete)) {
    const isNews = targets.some(
      ({ tags, sentBytes }) => sentBytes > 0 || tags.some(({ state }) => state !== "unchanged"),
    );
    return `${isNews ? "published to" : "nothing to do at"} ${counted(targets.length, "target")}  ${took}`;
  }
  const exit = error === undefined || isInterrupted(error) ? "" : ` (exit ${exitCodeOf(error)})`;
  return `${failure(targets, error)}${exit}  ${took}`;
}

function failure(targets: readonly TargetResult[], error: unknown): string {
  const count = (...states: readonly TagState[]) => countTags(targets, ({ state }) => states.includes(state));
  const what = isInterrupted(error) ? "interrupted" : "failed";
  const written = count("created", "moved");
  const unsure = countTags(targets, ({ mayDiffer = false }) => mayDiffer);
  const wanted = written + count("failed", "not-attempted");
  if (count("rolled-back", "left-behind") > 0) {
    const left = count("left-behind") + written;
    return `${what} and rolled back: ${afterRollback(left, unsure)}`;
  }
  if (written === 0)
    return `${what}: ${unsure === 0 ? "no tag was written" : `${counted(unsure, "tag")} may have been written`}`;
  return `${what}: ${written} of ${counted(wanted, "tag")} written${unsure === 0 ? "" : `, ${unsure} more may be`}`;
}

/** `left`: tags that were not put back; `unsure`: those of which nobody can tell. */
function afterRollback(left: number, unsure: number): string {
  if (unsure === 0) return left === 0 ? "every tag is as before" : `${counted(left, "tag")} not put back`;
  return left === 0
    ? `${counted(unsure, "tag")} may not be as before`
    : `${counted(left, "tag")} not put back, ${unsure} more may not be as before`;
}

function countTags(targets: readonly TargetResult[], isCounted: (told: TagResult) => boolean): number {
  return targets.reduce((sum, { tags }) => sum + tags.filter(isCounted).length, 0);
}

/** Why each target is not complete, those with the same reason together, those that only waited last. Foreign text. */
export function whyOf(targets: readonly TargetResult[]): readonly string[] {
  const reasons = new Map<string, string[]>();
  const incomplete = targets.filter((target) => !isComplete(target));
  const isBlameless = ({ error }: TargetResult) => Number(error === undefined);
  for (const target of incomplete.toSorted((a, b) => isBlameless(a) - isBlameless(b))) {
    const reason = reasonFor(target);
    reasons.set(reason, [...(reasons.get(reason) ?? []), formatLocation(target.at)]);
  }
  return [...reasons].map(([reason, names]) => `${names.join(", ")}: ${reason}`);
}

function reasonFor({ error, tags }: TargetResult): string {
  if (error !== undefined) return innermostMessage(error);
  const has = (wanted: TagState) => tags.some(({ state }) => state === wanted);
  const what = has("left-behind") ? "not all put back" : has("rolled-back") ? "rolled back" : "held back";
  return `${what}: another target failed`;
}

/** What is known of a run beside its result. */
export interface Next {
  /** What is typed behind `resume` and `rollback`, quoted for a shell; absent where nothing was taken down. */
  readonly recordedAs?: string;
  /** What the user types before a command. */
  readonly typed?: string;
  readonly error?: unknown;
}

/** What to do and to type next. Foreign text. */
export function nextLines(result: CreateResult, next: Next): readonly string[] {
  const { targets } = result;
  const { recordedAs, typed = "waybill", error } = next;
  const advice = isInterrupted(error) ? [] : advicesIn(targets);
  const first = isInterrupted(error) ? "" : advice.length > 0 ? "then: " : "put right what failed, then: ";
  if (recordedAs === undefined && canGoOn(result))
    return [...advice, `${first}run the same command again: what is there is not sent again`];
  // Nobody can put back what named nobody knows what.
  const moved = countTags(targets, ({ state, before }) => state === "moved" && before !== undefined);
  return [
    ...advice,
    ...(canGoOn(result)
      ? [`${first}${typed} resume ${recordedAs}  (${counted(countTags(targets, isOpen), "tag")} to write)`]
      : []),
    ...(moved > 0 && recordedAs !== undefined
      ? [`or: ${typed} rollback ${recordedAs}  (puts ${counted(moved, "tag")} back)`]
      : []),
  ];
}

/** What to do about each failure, each advice once. */
function advicesIn(targets: readonly TargetResult[]): readonly string[] {
  const advices = targets.flatMap(({ error }) => (error instanceof WaybillError ? (adviceFor(error) ?? []) : []));
  return [...new Set(advices)];
}

function isOpen({ state }: TagResult): boolean {
  return tagStates[state].names !== "root";
}

function isInterrupted(error: unknown): boolean {
  return hasCode(error, "cancelled") || (hasCode(error, "partial") && hasCode(error.cause, "cancelled"));
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
