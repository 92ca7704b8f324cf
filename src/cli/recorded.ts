import { WaybillError } from "../errors.ts";
import { shortDigest } from "../spec/digest.ts";
import type { Publication } from "../transfer/publication.ts";
import { isOver, type RecordedRun } from "../transfer/recorded-run.ts";
import type { Earlier } from "../transfer/recording.ts";
import { listRuns } from "../transfer/runs.ts";
import { readReportFile } from "./report-file.ts";
import { tableText } from "./show/table.ts";
import { thisProcess } from "./state-folder.ts";

/** A publish of the past, from a journal or from a report file. */
export interface Recorded {
  readonly publication: Publication;
  readonly earlier: Earlier;
  readonly startedAt: number;
  /** The report file that it was read from. */
  readonly report?: string;
}

/** What `recordedAs` says where nothing is named and the choice is not clear. */
export interface Choice {
  /** `resume`, for the advice. */
  readonly command: string;
  /** What the user types before it. */
  readonly typed: string;
  /** Which runs count when none is named. */
  readonly counts: (run: RecordedRun) => boolean;
}

/**
 * The publish that `name` stands for: a run's id or the beginning of one, or else the path of a report. Without a name: the only one
 * that counts.
 *
 * @throws WaybillError `invalid_argument` where none or several would do; what reading a report throws.
 */
export async function recordedAs(name: string | undefined, folder: string, choice: Choice): Promise<Recorded> {
  // Whoever names a report has nothing to do with what is remembered here.
  const mayBeId = name === undefined || /^[0-9a-f]{4,16}$/.test(name);
  const runs = mayBeId ? await listRuns(folder, thisProcess().user) : [];
  if (name === undefined) return theOnly(runs, choice);
  const named = runs.filter(({ id }) => id.startsWith(name));
  if (named.length === 1 && named[0]) return named[0];
  if (named.length > 1) throw ambiguous(named, choice);
  return { ...(await readReportFile(name)), report: name };
}

function theOnly(all: readonly RecordedRun[], choice: Choice): RecordedRun {
  const runs = all.filter(choice.counts);
  const [run, ...others] = runs;
  if (run && others.length === 0) return run;
  if (run) throw ambiguous(runs, choice);
  const { command, typed } = choice;
  const half = all.find(isHalfUndone);
  const advice = half
    ? `${half.id} is half rolled back: finish that with \`${typed} rollback ${half.id}\`, or publish it again with \`${typed} resume ${half.id}\``
    : `name a run of \`${typed} history\`, or a report: ${typed} ${command} waybill-report.json`;
  throw new WaybillError("invalid_argument", `Cannot ${command}: no journal tells of an unfinished run`, {
    advice,
  });
}

function ambiguous(runs: readonly RecordedRun[], { command, typed }: Choice): WaybillError {
  const listed = runs.map(
    ({ id, publication }) => `${id} (${publication.targets.map(({ target }) => target).join(", ")})`,
  );
  return new WaybillError("invalid_argument", `Cannot ${command}: several runs would do: ${listed.join("; ")}`, {
    advice: `name one: ${typed} ${command} ${runs[0]?.id ?? "ID"}`,
  });
}

/** Runs as a table for people. */
export function runsText(runs: readonly RecordedRun[]): string {
  const head = ["run", "began", "state", "digest", "targets"];
  const rows = runs.map((run) => [
    run.id,
    `${new Date(run.startedAt).toISOString().slice(0, 19)}Z`,
    isHalfUndone(run) ? "half rolled back" : run.state,
    shortDigest(run.publication.root.digest),
    run.publication.targets.map(({ target, tags }) => `${target}:${tags.join(",")}`).join(" "),
  ]);
  return tableText([head, ...rows], "");
}

/** True for a publish that can be gone on with. One that is being taken back is not: nobody wants it published again unasked. */
export function isUnfinished(run: RecordedRun): boolean {
  return !isOver(run) && !run.undoes;
}

/** True for a run whose roll-back has begun, and is not complete. */
function isHalfUndone(run: RecordedRun): boolean {
  return !isOver(run) && run.undoes;
}
