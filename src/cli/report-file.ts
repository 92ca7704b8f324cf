import type { Clock } from "../async/clock.ts";
import { isDiskFull, writeDurably } from "../disk/durable.ts";
import { hasCode, WaybillError } from "../errors.ts";
import { formatLocation } from "../spec/reference.ts";
import type { TelemetryHealth } from "../telemetry/health.ts";
import { tagName, withBefore, type Continued, type Witness } from "../transfer/recording.ts";
import type { Repeats } from "../transfer/repeats.ts";
import { interimReport, reportOf, withTelemetry, type PublishReport } from "../transfer/report.ts";
import {
  maxReportBytes,
  parseReport,
  parseUnsettled,
  type KeptReport,
  type UnsettledReport,
} from "../transfer/report-reader.ts";
import { readWhole } from "./read-whole.ts";
import { reasonOf } from "./reason.ts";
import { requireWritable, temporaryFor } from "./replaceable.ts";

/** The report of one run, written whole or not at all each time that something is certain. */
export interface ReportFile {
  /** Hears of a publication: from its first tag on the file tells how far it is, after all that earlier runs have done. */
  witness(continued: Continued): Witness;
  /**
   * Writes the account of a run that never came to a plan. Where the file tells of a run that had one and has not ended well, what
   * that tells of its tags stays. Never rejects.
   */
  fail(error: unknown): Promise<void>;
  /** Adds to the final account, where there is one, how telemetry fared. Never rejects. */
  amend(health: TelemetryHealth): Promise<void>;
  /** Why the file does not hold the latest account; `undefined` where it does. */
  unwritten(): WaybillError | undefined;
}

export interface ReportFileOptions {
  readonly clock: Clock;
  /** Told when the file cannot be written, once. */
  readonly warn: (message: string) => void;
  /** Counts what is sent again. */
  readonly repeats?: Repeats;
  /** Begins here where the report is of a run that goes on; default now. */
  readonly startedAt?: number;
}

/**
 * Prepares to write `path`.
 *
 * @throws WaybillError `io_failed` where it cannot be written: then nothing has happened yet.
 */
export async function openReportFile(path: string, options: ReportFileOptions): Promise<ReportFile> {
  const { clock, startedAt = clock.now() } = options;
  await requireWritable("report", path).catch((error: unknown) => {
    throw failed(path, error);
  });
  const { write, unwritten } = latestWins(path, options);
  let told: PublishReport | undefined;
  const writeLast = (report: PublishReport) => {
    told = report;
    return write(report);
  };
  return {
    witness(continued) {
      let { publication } = continued;
      const written = [...continued.earlier.tags].filter(([, { write }]) => write !== undefined);
      const begun = new Set(written.map(([name]) => name));
      const tagged = new Set(written.flatMap(([name, { write }]) => (write === "acknowledged" ? [name] : [])));
      const has = (names: ReadonlySet<string>) => (target: string, tag: string) => names.has(tagName(target, tag));
      const interim = () =>
        interimReport(publication, { startedAt, updatedAt: clock.now() }, { begun: has(begun), tagged: has(tagged) });
      const tell = () => write(interim());
      return {
        looked(at, before) {
          publication = withBefore(publication, formatLocation(at), before);
        },
        tagging(at, tags) {
          for (const tag of tags) begun.add(tagName(at, tag));
          return tell();
        },
        tagged(at, tag) {
          tagged.add(tagName(formatLocation(at), tag));
          void tell();
        },
        end(ending) {
          const report = reportOf(ending, { startedAt, endedAt: clock.now() }, publication, options.repeats);
          // Where the run did not come to its targets, what is known of them is what was known before.
          return writeLast(ending.results.length > 0 ? report : { ...report, targets: interim().targets });
        },
      };
    },
    async fail(error) {
      if (told) return;
      const state = hasCode(error, "cancelled") ? "interrupted" : "failed";
      const ending = { state, results: [], error } as const;
      const earlier = await unsettledAt(path);
      const times = { startedAt: earlier?.startedAt ?? startedAt, endedAt: clock.now() };
      const report = reportOf(ending, times, earlier?.publication);
      await writeLast(earlier ? { ...report, targets: earlier.targets } : report);
    },
    async amend(health) {
      if (told) await write(withTelemetry(told, health));
    },
    unwritten,
  };
}

/** Reads a report that was written so. @throws WaybillError `io_failed`, `invalid_argument` */
export function readReportFile(path: string): Promise<KeptReport> {
  return readWith(parseReport, path);
}

/** What the file tells of a run that had a plan and has not ended well; `undefined` where it tells nothing of the kind. */
function unsettledAt(path: string): Promise<UnsettledReport | undefined> {
  return readWith(parseUnsettled, path).catch(() => undefined);
}

async function readWith<T>(parse: (bytes: Uint8Array, what: string) => T, path: string): Promise<T> {
  const what = `report "${path}"`;
  return parse(await readWhole(path, what, { maxBytes: maxReportBytes, missing: "file or folder" }), what);
}

/** Writes one after another; of those that wait for the same turn only the latest is written. Never rejects. */
function latestWins(
  path: string,
  { warn }: Pick<ReportFileOptions, "warn">,
): Pick<ReportFile, "unwritten"> & { readonly write: (report: PublishReport) => Promise<void> } {
  let next: PublishReport | undefined;
  let running: Promise<void> | undefined;
  let unwritten: WaybillError | undefined;
  let hasWarned = false;
  const attempt = async (report: PublishReport) => {
    try {
      await writeDurably(path, temporaryFor(path), Buffer.from(`${JSON.stringify(report, undefined, 2)}\n`), 0o644);
      unwritten = undefined;
    } catch (error) {
      unwritten = failed(path, error);
      if (!hasWarned) warn(`The report is not up to date: ${unwritten.message}`);
      hasWarned = true;
    }
  };
  const drain = async () => {
    while (next) {
      const report = next;
      next = undefined;
      await attempt(report);
    }
    running = undefined;
  };
  return {
    write(report) {
      next = report;
      return (running ??= drain());
    },
    unwritten: () => unwritten,
  };
}

function failed(path: string, error: unknown): WaybillError {
  if (error instanceof WaybillError) return error;
  const seen = reasonOf(error, { missing: "file or folder" });
  const code = isDiskFull(error) ? "disk_full" : "io_failed";
  return new WaybillError(code, `Cannot write report "${path}": ${seen}`, {}, { cause: error });
}
