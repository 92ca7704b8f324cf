import { WaybillError } from "../errors.ts";
import { formatLocation } from "../spec/reference.ts";
import type { Report } from "../telemetry/events.ts";
import { isComplete } from "../transfer/result.ts";
import { createRepeats, type Repeats } from "../transfer/repeats.ts";
import type { Context } from "../verbs/context.ts";
import type { CreateResult } from "../verbs/create.ts";
import { openCommandContext } from "./context.ts";
import type { Host } from "./host.ts";
import { inShow, type ProgressFlags } from "./in-show.ts";
import type { RegistryFlags } from "./options.ts";
import { outcomeError, publishedAllTheSame } from "./outcome.ts";
import { openRecorder, type CommandRecorder, type RecordFlags, type RecorderOptions } from "./recorder.ts";
import type { Show } from "./show/show.ts";
import { createFilm, type TimelineFlags } from "./timeline/film.ts";
import { ToldError } from "./told.ts";
import { typedName } from "./typed-name.ts";

/** The flags of every command that publishes. */
export interface PublishFlags extends RegistryFlags, RecordFlags, ProgressFlags, TimelineFlags {}

/** What is known of a publish beside its flags. */
interface PublishOptions extends Omit<RecorderOptions, "news" | "repeats"> {
  readonly title: string;
  /** Writes the result where it is wanted, before it is told. @throws WaybillError */
  readonly write?: (result: CreateResult) => Promise<void>;
}

/**
 * Publishes in sight of the user, taken down as the flags say, and tells what became of each target.
 *
 * @returns what the exit code speaks of, for the caller to throw; `undefined` where all went well.
 */
export async function runPublish(
  publish: (context: Context) => Promise<CreateResult>,
  flags: PublishFlags,
  host: Host,
  { title, write, ...known }: PublishOptions,
): Promise<unknown> {
  return inShow(flags, host, async (show, shown) => {
    const film = createFilm(title, flags);
    const warn = (message: string) => show.report({ type: "warning", message, at: host.clock.now() });
    const warnAll = (message: string) =>
      show.report({ type: "warning", message, isUrgent: true, at: host.clock.now() });
    const repeats = createRepeats();
    let hasSent = false;
    const news: Report = (event) => {
      show.report(event);
      repeats.hear(event);
      film.report(event);
      if (event.type === "content-done") hasSent ||= event.outcome === "sent";
    };
    const records = await openRecorder(flags, host, { ...known, news, repeats });
    const { recorder, fail, recordedAs, runFolder } = records;
    let result: CreateResult;
    try {
      const opened = await openCommandContext(flags, shown, news, recorder);
      result = await filmed(published(publish, opened), () => film.draw(warnAll));
    } catch (error) {
      await film.keep(runFolder(), warn);
      await fail(error);
      throw error;
    }
    host.onPublished?.({ result, hasSent });
    const lack = await lackOf(result, { ...records, write, host, news });
    const failure = tell(result, { show, flags, host, repeats, recordedAs: recordedAs(), lack });
    await film.keep(runFolder(), (message) => tellLate(message, host));
    return failure;
  });
}

/** Everything has been told that matters: only who wants to know more is told this. */
function tellLate(message: string, { log, stderr }: Host): void {
  const line = log.of({ level: "info", message });
  if (line !== undefined) stderr.write(line);
}

interface Telling {
  readonly show: Show;
  readonly flags: PublishFlags;
  readonly host: Host;
  readonly repeats: Repeats;
  readonly recordedAs: string | undefined;
  readonly lack: Lack | undefined;
}

/** @returns what the exit code speaks of, to be thrown. */
function tell(result: CreateResult, telling: Telling): unknown {
  const { show, flags, host, repeats, recordedAs, lack } = telling;
  const typed = typedName(host);
  const command = recordedAs === undefined ? {} : { command: `${typed} resume ${recordedAs}` };
  const failed = outcomeError(result, show.saysWhy ? "told" : command);
  const error = failed ?? (lack && publishedAllTheSame(lack.cause, result, lack.advice));
  if (flags.quiet && failed === undefined) show.close({ result, error });
  else show.tell(result, { error, typed, repeats, ...(recordedAs !== undefined && { recordedAs }) });
  if (flags.quiet) printTargets(result, host);
  return error !== undefined && isTold(failed, telling) ? new ToldError(error) : error;
}

/** A file that had to be written and could not be: why, and what to do. */
interface Lack {
  readonly cause: WaybillError;
  readonly advice: string;
}

/** Writes what is left to be written. What cannot be, and is not what the exit code speaks of, is a warning. */
async function lackOf(
  result: CreateResult,
  options: Pick<CommandRecorder, "unwritten" | "recordedAs"> &
    Pick<PublishOptions, "write"> &
    Pick<RecorderOptions, "news"> & { readonly host: Host },
): Promise<Lack | undefined> {
  const { unwritten, recordedAs, write, news, host } = options;
  const report = unwritten();
  const file = await failureOf(write?.(result));
  if (file && (report || !result.targets.every(isComplete)))
    news({ type: "warning", message: file.message, isUrgent: true, at: host.clock.now() });
  if (report) return { cause: report, advice: takenBackBy(typedName(host), recordedAs()) };
  return file && { cause: file, advice: `${nothingAgain}; the same command again moves no tag and writes the file` };
}

async function failureOf(work: Promise<void> | undefined): Promise<WaybillError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof WaybillError) return error;
    throw error;
  }
}

const nothingAgain = "nothing needs to be published again";

/** The same command again would write a report that knows nothing of what the tags named before. */
function takenBackBy(typed: string, recordedAs: string | undefined): string {
  return recordedAs === undefined ? nothingAgain : `${nothingAgain}; to take it back: ${typed} rollback ${recordedAs}`;
}

/** Whoever reads the account of a failure has its reason. Causes and stacks, and what is our own mistake, are told beside it. */
function isTold(failure: unknown, { show, host }: Telling): boolean {
  if (show.tellsOutcome) return true;
  const isInAccount = show.saysWhy && failure instanceof WaybillError;
  return isInAccount && host.log.format === "text" && !host.log.isDetailed;
}

/** Whatever it comes to: what happened is told while there is still somebody to tell of trouble with that. */
async function filmed<T>(work: Promise<T>, finish: () => Promise<void>): Promise<T> {
  try {
    return await work;
  } finally {
    await finish();
  }
}

/** Closes every connection before it is over: what happens on them is part of the run. */
async function published(
  publish: (context: Context) => Promise<CreateResult>,
  opened: Context & AsyncDisposable,
): Promise<CreateResult> {
  await using context = opened;
  return await publish(context);
}

function printTargets(result: CreateResult, host: Host): void {
  for (const target of result.targets) {
    if (isComplete(target)) host.stdout.write(`${formatLocation(target.at)}@${result.root.descriptor.digest}\n`);
  }
}
