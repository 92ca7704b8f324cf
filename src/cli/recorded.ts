import { lookAt } from "../disk/durable.ts";
import { isLocked } from "../disk/lock.ts";
import { thisProcess } from "../disk/process-name.ts";
import { WaybillError } from "../errors.ts";
import { publicationId, type Publication } from "../transfer/publication.ts";
import { isOver, type RecordedRun } from "../transfer/recorded-run.ts";
import { bothEarlier, remembered, type Earlier } from "../transfer/recording.ts";
import type { KeptReport } from "../transfer/report-reader.ts";
import { readRun, runFolder } from "../transfer/runs.ts";
import { runsNamed, theOnly, typedHistory, unknownRun, type Choice } from "./named-run.ts";
import { readReportFile } from "./report-file.ts";
import { isHalfUndone } from "./runs-text.ts";
import { typedArguments } from "./typed-name.ts";

/** A publish of the past, from a journal or from a report file. */
export interface Recorded {
  readonly publication: Publication;
  readonly earlier: Earlier;
  /** Milliseconds since the epoch: when its first run began, and when the last was heard of. */
  readonly startedAt: number;
  readonly changedAt: number;
  /** The report file that it was read from. */
  readonly report?: string;
}

/** What `recordedAs` is asked for. */
export interface Wanted extends Choice {
  /** Which runs count when none is named. */
  readonly counts: (run: RecordedRun) => boolean;
  /** What one that counts is called: `an unfinished run`. */
  readonly called: string;
}

/**
 * The publish that `name` stands for: a run's id or the beginning of one, or else the path of a report. Without a name: the only one
 * that counts.
 *
 * @throws WaybillError `invalid_argument` where none or several would do; `not_found` where the name is neither a run's nor a file's;
 *   what reading a report throws.
 */
export async function recordedAs(name: string | undefined, folder: string, wanted: Wanted): Promise<Recorded> {
  if (name === undefined) {
    const runs = await runsNamed(folder);
    const only = theOnly(await idle(runs.filter(wanted.counts), folder), wanted);
    if (!only) throw noneCounts(runs, wanted);
    return only;
  }
  const mayBeId = /^[0-9a-f]{4,16}$/.test(name);
  const run = mayBeId ? theOnly(await runsNamed(folder, name), wanted) : undefined;
  if (run) return run;
  if (await isNothing(name)) throw unknownRun(wanted, `"${name}" is neither a run that a journal tells of nor a file`);
  return { ...(await withJournal(await readReportFile(name), folder)), report: name };
}

/**
 * What the report tells, and what the journal of this machine knows beyond it: a run that went on here without the report. One
 * that was over before the report's began was another publish of the same.
 */
async function withJournal({ publication, earlier, startedAt, toldAt }: KeptReport, folder: string): Promise<Recorded> {
  const run = await readRun(folder, publicationId(publication), thisProcess().user);
  const isAnother = run === undefined || (isOver(run) && run.changedAt <= startedAt);
  const known = isAnother ? earlier : bothEarlier(earlier, run.earlier);
  const changedAt = isAnother ? toldAt : Math.max(toldAt, run.changedAt);
  return { ...remembered(publication, known), startedAt, changedAt };
}

/** Of several runs those that no process works on; all where there is none: whoever begins one is told that it is at work. */
async function idle(runs: readonly RecordedRun[], folder: string): Promise<readonly RecordedRun[]> {
  if (runs.length < 2) return runs;
  const owner = thisProcess();
  const isAtWork = await Promise.all(runs.map(({ id }) => isLocked(runFolder(folder, id), owner)));
  const free = runs.filter((_run, at) => !isAtWork[at]);
  return free.length > 0 ? free : runs;
}

/** True for a word that may be a mistyped run, where no file is called so. What looks like a path is one. */
async function isNothing(name: string): Promise<boolean> {
  return !/[./\\]/.test(name) && (await lookAt(name)) === undefined;
}

function noneCounts(runs: readonly RecordedRun[], wanted: Wanted): WaybillError {
  const { doing, command, typed, state, called } = wanted;
  const half = runs.find(isHalfUndone)?.id;
  const halfArguments = typedArguments(state, half);
  const advice =
    half === undefined
      ? `name a run of \`${typedHistory(wanted)}\`, or a report: ${typed} ${command} waybill-report.json`
      : `${half} is half rolled back: finish that with \`${typed} rollback ${halfArguments}\`, or publish it again with \`${typed} resume ${halfArguments}\``;
  return new WaybillError("invalid_argument", `Cannot ${doing}: no journal tells of ${called}`, { advice });
}

/** True for a publish that can be gone on with. One that is being taken back is not: nobody wants it published again unasked. */
export function isUnfinished(run: RecordedRun): boolean {
  return !isOver(run) && !run.undoes;
}
