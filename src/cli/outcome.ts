import { WaybillError } from "../errors.ts";
import type { CreateResult } from "../verbs/create.ts";

type Target = CreateResult["targets"][number];

const done: ReadonlySet<string> = new Set(["created", "moved", "unchanged"]);

/** Tags in these states name something else than before the run. */
const stays: ReadonlySet<string> = new Set(["created", "moved", "left-behind"]);

/** True when everything that was asked for is at `target`. */
export function isComplete(target: Target): boolean {
  return target.error === undefined && !target.heldBack && target.tags.every(({ state }) => done.has(state));
}

/**
 * What the run's exit code speaks of: nothing where every target is complete; `partial` where some are not although a tag
 * has moved; else the error of the first target that failed, in the order of the command line.
 */
export function outcomeError(result: CreateResult): unknown {
  const failed = result.targets.filter((target) => !isComplete(target));
  const first = failed.find(({ error }) => error !== undefined) ?? failed[0];
  if (!first) return undefined;
  const error = first.error ?? new WaybillError("internal", "Cannot tell why a target failed: it gave no reason");
  const moved = result.targets.some(({ tags }) => tags.some(({ state }) => stays.has(state)));
  if (!moved || !(error instanceof WaybillError)) return error;
  const seen = `${failed.length} of ${result.targets.length} targets failed after a tag had moved: ${error.message}`;
  const advice =
    error.context.advice ?? "put right what failed and run the same command again: what is there is not sent again";
  return new WaybillError("partial", `Cannot publish everywhere: ${seen}`, { advice }, { cause: error });
}
