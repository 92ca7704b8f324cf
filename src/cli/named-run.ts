import { thisProcess } from "../disk/process-name.ts";
import { WaybillError } from "../errors.ts";
import type { RecordedRun } from "../transfer/recorded-run.ts";
import { listRuns } from "../transfer/runs.ts";
import { runsText } from "./runs-text.ts";
import { Several } from "./several.ts";
import { typedArguments } from "./typed-name.ts";

/** What a run is looked for for, in the words of what is said where it cannot be told which. */
export interface Choice {
  /** What cannot be done: `roll back`, `show run "4f"`. */
  readonly doing: string;
  /** `rollback`, for the advice. */
  readonly command: string;
  /** What the user types before it. */
  readonly typed: string;
  /** The state folder, where the user has named one. */
  readonly state: string | undefined;
}

/**
 * The runs of which a journal in `folder` tells and whose ids begin with `prefix`, by default all; the latest first.
 *
 * @throws WaybillError `io_failed` where others than this user can write to the folder.
 */
export function runsNamed(folder: string, prefix?: string): Promise<readonly RecordedRun[]> {
  return listRuns(folder, thisProcess().user, prefix);
}

/** The one that is meant; `undefined` where there is none. @throws WaybillError `invalid_argument` where it may be any of several. */
export function theOnly(
  runs: readonly RecordedRun[],
  { doing, command, typed, state }: Choice,
): RecordedRun | undefined {
  const [run, ...others] = runs;
  if (!run || others.length === 0) return run;
  const advice = `name one: ${typed} ${command} ${typedArguments(state, run.id)}`;
  const lines = runsText(runs).trimEnd().split("\n");
  throw new Several(`Cannot ${doing}: several runs would do`, { lines, advice });
}

/** That no run here is the one that is meant. */
export function unknownRun(choice: Choice, seen = "no journal tells of it"): WaybillError {
  return new WaybillError("not_found", `Cannot ${choice.doing}: ${seen}`, {
    advice: `see \`${typedHistory(choice)}\``,
  });
}

/** What lists the runs. */
export function typedHistory({ typed, state }: Pick<Choice, "typed" | "state">): string {
  return `${typed} history ${typedArguments(state)}`.trimEnd();
}
