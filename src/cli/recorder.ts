import type { Command } from "commander";
import { thisProcess } from "../disk/process-name.ts";
import type { WaybillError } from "../errors.ts";
import { journalRecorder } from "../transfer/journal.ts";
import type { Publication } from "../transfer/publication.ts";
import {
  allWitnesses,
  lookedAgain,
  nothingEarlier,
  remembered,
  unrecorded,
  type Earlier,
  type Recorder,
  type Recording,
} from "../transfer/recording.ts";
import type { Repeats } from "../transfer/repeats.ts";
import { runFolder } from "../transfer/runs.ts";
import type { Report } from "../telemetry/events.ts";
import type { Host } from "./host.ts";
import { addStateOption, addSwitch, addValue } from "./options.ts";
import { openReportFile, type ReportFile } from "./report-file.ts";
import { stateFolder } from "./state-folder.ts";
import { typedArguments } from "./typed-name.ts";

/** What `addRecordOptions` leaves in a command's options. */
export interface RecordFlags {
  readonly state?: string;
  readonly journal?: boolean;
  readonly report?: string;
}

export function addRecordOptions(command: Command): Command {
  command.optionsGroup("Resuming:");
  addValue(
    command,
    "--report <path>",
    "Write an account as JSON, kept up to date; `waybill resume` and `rollback` take it",
  );
  addStateOption(command);
  return addSwitch(
    command,
    "--journal",
    "Keep a journal, from which `waybill resume` goes on; =false keeps none",
    true,
  );
}

/** Where a command takes down what it publishes: the journal, the report, both or neither. */
export interface CommandRecorder {
  readonly recorder: Recorder;
  /**
   * What is typed behind `waybill resume` and `rollback` to find it, quoted for a shell, once something was taken down: no report that
   * could not be written, and no journal that was deleted.
   */
  readonly recordedAs: () => string | undefined;
  /** The folder of the run's journal, once there is one. */
  readonly runFolder: () => string | undefined;
  /** Why the report does not hold the latest account; `undefined` where it does, or where none is wanted. */
  readonly unwritten: () => WaybillError | undefined;
  /** Tells the report of a run that failed before it came to a plan. */
  readonly fail: (error: unknown) => Promise<void>;
}

export interface RecorderOptions {
  readonly news: Report;
  /** Counts what is sent again, for the report. */
  readonly repeats?: Repeats;
  /** What is known of the run of the past that is gone on with. */
  readonly earlier?: Earlier;
  /** When its first run began. */
  readonly startedAt?: number;
}

/** @throws WaybillError `io_failed` where the report cannot be written. */
export async function openRecorder(flags: RecordFlags, host: Host, options: RecorderOptions): Promise<CommandRecorder> {
  const { news, startedAt, repeats, earlier } = options;
  const { clock } = host;
  // Whoever wants no news counts on the report all the same: it is what a roll-back works from.
  const warn = (message: string) => news({ type: "warning", message, isUrgent: true, at: clock.now() });
  const file =
    flags.report === undefined
      ? undefined
      : await openReportFile(flags.report, {
          clock,
          warn,
          ...(repeats && { repeats }),
          ...(startedAt !== undefined && { startedAt }),
        });
  if (file) host.telemetry?.whenClosed((health) => file.amend(health));
  const owner = thisProcess();
  const journal =
    flags.journal === false
      ? undefined
      : journalRecorder({
          folder: stateFolder(flags.state, host),
          owner,
          clock,
          report: news,
          earlier,
        });
  let begun: Recording | undefined;
  let folder: string | undefined;
  const wrap = (publication: Publication, inner: Recording | undefined, goOn = lookedAgain) => {
    begun = inner ?? unrecorded(goOn(publication, earlier ?? nothingEarlier));
    folder = inner?.id && runFolder(stateFolder(flags.state, host), inner.id);
    return withReport(begun, file);
  };
  return {
    recorder: {
      begin: async (publication) => wrap(publication, await journal?.begin(publication)),
      async reopen(publication) {
        const held = await journal?.reopen(publication);
        const begin = async () => wrap(publication, await held?.begin(), remembered);
        return { begin, [Symbol.asyncDispose]: async () => held?.[Symbol.asyncDispose]() };
      },
      goOn: async (publication) => {
        const inner = await journal?.goOn(publication);
        return inner || file ? wrap(publication, inner) : undefined;
      },
    },
    recordedAs() {
      const name = begun && ((file?.unwritten() ? undefined : flags.report) ?? begun.id);
      return name === undefined ? undefined : typedArguments(flags.state, name);
    },
    runFolder: () => folder,
    unwritten: () => file?.unwritten(),
    // What the report of an earlier run tells of its tags is worth more than why this one did not begin.
    fail: async (error) => (earlier ? undefined : file?.fail(error)),
  };
}

function withReport(inner: Recording, file: ReportFile | undefined): Recording {
  if (!file) return inner;
  const { id, publication, earlier } = inner;
  const told = allWitnesses([inner, file.witness({ publication, earlier })]);
  const close = () => inner[Symbol.asyncDispose]();
  return { ...told, publication, earlier, ...(id !== undefined && { id }), [Symbol.asyncDispose]: close };
}
