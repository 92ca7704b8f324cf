import { WaybillError } from "../errors.ts";
import { shortDigest } from "../spec/digest.ts";
import type { Publication } from "../transfer/publication.ts";
import { isOver, type RecordedRun } from "../transfer/recorded-run.ts";
import type { Earlier } from "../transfer/recording.ts";
import { runsNamed, theOnly } from "./named-run.ts";
import { readReportFile } from "./report-file.ts";
import { tableText } from "./show/table.ts";

/** A publish of the past, from a journal or from a report file. */
export interface Recorded {
  readonly publication: Publication;
  readonly earlier: Earlier;
  readonly startedAt: number;
  /** The report file that it was read from. */
  readonly report?: string;
}

/** What `recordedAs` is asked for. */
export interface Wanted {
  /** `resume`. */
  readonly command: string;
  /** What the user types before it. */
  readonly typed: string;
  /** Which runs count when none is named. */
  readonly counts: (run: RecordedRun) => boolean;
  /** What one that counts is called: `an unfinished run`. */
  readonly called: string;
}

/**
 * The publish that `name` stands for: a run's id or the beginning of one, or else the path of a report. Without a name: the only one
 * that counts.
 *
 * @throws WaybillError `invalid_argument` where none or several would do; what reading a report throws.
 */
export async function recordedAs(name: string | undefined, folder: string, wanted: Wanted): Promise<Recorded> {
  const choice = { ...wanted, doing: wanted.command };
  if (name === undefined) {
    const runs = await runsNamed(folder);
    const only = theOnly(runs.filter(wanted.counts), choice);
    if (!only) throw noneCounts(runs, wanted);
    return only;
  }
  // Whoever names a report has nothing to do with what is remembered here.
  const mayBeId = /^[0-9a-f]{4,16}$/.test(name);
  const run = mayBeId ? theOnly(await runsNamed(folder, name), choice) : undefined;
  return run ?? { ...(await readReportFile(name)), report: name };
}

function noneCounts(runs: readonly RecordedRun[], { command, typed, called }: Wanted): WaybillError {
  const half = runs.find(isHalfUndone);
  const advice = half
    ? `${half.id} is half rolled back: finish that with \`${typed} rollback ${half.id}\`, or publish it again with \`${typed} resume ${half.id}\``
    : `name a run of \`${typed} history\`, or a report: ${typed} ${command} waybill-report.json`;
  return new WaybillError("invalid_argument", `Cannot ${command}: no journal tells of ${called}`, { advice });
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
