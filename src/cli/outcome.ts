import { hasCode, WaybillError } from "../errors.ts";
import { isComplete, noReason, tagStates, type StateFacts } from "../transfer/result.ts";
import type { CreateResult } from "../verbs/create.ts";

/**
 * What the run's exit code speaks of: nothing where every target is complete; `partial` where some are not although a tag
 * has moved, or may have; else the error of the first target that failed, in the order of the command line. `next` is how to go on, where
 * that is known; `told` where it is said elsewhere.
 */
export function outcomeError(result: CreateResult, next?: { readonly command?: string } | "told"): unknown {
  const failed = result.targets.filter((target) => !isComplete(target));
  const first = failed.find(({ error }) => error !== undefined) ?? failed[0];
  if (!first) return undefined;
  const error = withoutPlace(first.error) ?? noReason();
  if (!(error instanceof WaybillError)) return error;
  const how = canGoOn(result) ? next : "told";
  const command = how === "told" ? undefined : how?.command;
  const moved = hasMoved(result) ? "had moved" : mayHaveMoved(result) ? "may have moved" : undefined;
  if (moved === undefined) return command === undefined ? error : advised(error, command);
  const seen = `${failed.length} of ${result.targets.length} targets failed after a tag ${moved}: ${error.message}`;
  const again = `then: ${command ?? "run the same command again"} (what is there is not sent again)`;
  const advice = how === "told" ? error.context.advice : `${error.context.advice ?? "put right what failed"}; ${again}`;
  const context = advice === undefined ? {} : { advice };
  return new WaybillError("partial", `Cannot publish everywhere: ${seen}`, context, { cause: error });
}

/**
 * What the exit code speaks of where something could not be written after a publish. Where a tag has moved, one that promises untouched
 * tags would not be true. `advice` is for a publish that went well.
 */
export function publishedAllTheSame(cause: WaybillError, result: CreateResult, advice: string): WaybillError {
  if (!hasMoved(result)) return cause;
  if (!result.targets.every(isComplete)) return new WaybillError("partial", cause.message, {}, { cause });
  return new WaybillError("partial", `Everything is published, but: ${cause.message}`, { advice }, { cause });
}

/** False where the same would be refused again, because a tag may not move: something else has to be asked for. */
export function canGoOn({ targets }: CreateResult): boolean {
  const errors = targets.flatMap(({ error }) => (error === undefined ? [] : [error]));
  return errors.length === 0 || !errors.every((error) => hasCode(error, "tag_immutable", "precondition_failed"));
}

/** True where a tag names something else than before the run. */
function hasMoved({ targets }: CreateResult): boolean {
  return targets.some(({ tags }) => tags.some(({ state }) => isMoved(tagStates[state])));
}

function isMoved({ wasTried, names }: StateFacts): boolean {
  return wasTried && names === "root";
}

/** True where a tag does not name what it named before, or nobody can tell. */
function mayHaveMoved({ targets }: CreateResult): boolean {
  return targets.some(({ tags }) => tags.some(({ mayDiffer }) => mayDiffer));
}

/** Where somebody has interrupted the run, the place that it had come to by then is no news. */
function withoutPlace(error: unknown): unknown {
  return hasCode(error, "cancelled") && hasCode(error.cause, "cancelled") ? withoutPlace(error.cause) : error;
}

/** The same error, which also says how to go on. */
function advised(error: WaybillError, resumeCommand: string): WaybillError {
  const { advice } = error.context;
  const goOn = `to go on: ${resumeCommand}`;
  const context = { ...error.context, advice: advice === undefined ? goOn : `${advice}; ${goOn}` };
  return new WaybillError(error.code, error.message, context, { cause: error });
}
