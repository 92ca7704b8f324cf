import type { Command } from "commander";
import { formatLocation } from "../spec/reference.ts";
import type { Report } from "../telemetry/events.ts";
import { isComplete } from "../transfer/outcome.ts";
import { createRepeats } from "../transfer/repeats.ts";
import type { Context } from "../verbs/context.ts";
import type { CreateResult } from "../verbs/create.ts";
import { openCommandContext } from "./context.ts";
import type { Host } from "./host.ts";
import { addSwitch, addValue, asText, type RegistryFlags } from "./options.ts";
import { outcomeError } from "./outcome.ts";
import { openRecorder, type RecordFlags, type RecorderOptions } from "./recorder.ts";
import { progressMode, type ProgressMode } from "./show/mode.ts";
import { openShow, type Show } from "./show/show.ts";
import { summaryText } from "./show/summary.ts";
import { createFilm, type TimelineFlags } from "./timeline/film.ts";

/** The flags of every command that publishes. */
export interface PublishFlags extends RegistryFlags, RecordFlags, ProgressFlags, TimelineFlags {}

export interface ProgressFlags {
  readonly progress?: string;
  readonly quiet?: boolean;
}

export function addProgressOptions(command: Command): void {
  const modes = "auto, none, quiet, plain, rawjson or tty (default: auto) [$BUILDKIT_PROGRESS]";
  addValue(command, "--progress <mode>", modes, asText);
  addSwitch(command, "-q, --quiet", "Show nothing but REPOSITORY@DIGEST for each target");
}

/**
 * Publishes in sight of the user, taken down as the flags say, and tells what became of each target.
 *
 * @returns also when targets failed: `failure` is for the caller to throw.
 */
export async function runPublish(
  publish: (context: Context) => Promise<CreateResult>,
  flags: PublishFlags,
  host: Host,
  { title, ...known }: Omit<RecorderOptions, "news" | "repeats"> & { readonly title: string },
): Promise<{ readonly result: CreateResult; readonly failure: unknown }> {
  const { result, resumeCommand, mode } = await inShow(flags, host, async (show, mode) => {
    const film = createFilm(flags, (message) => show.report({ type: "warning", message, at: host.clock.now() }));
    const repeats = createRepeats();
    const news: Report = (event) => {
      show.report(event);
      repeats.hear(event);
      film.report(event);
    };
    const { recorder, fail, resumeCommand, runFolder } = await openRecorder(flags, host, { ...known, news, repeats });
    try {
      const opened = await openCommandContext(flags, host, news, recorder);
      const result = await filmed(published(publish, opened), () => film.finish(title, runFolder()));
      show.clear();
      return { result, resumeCommand, mode };
    } catch (error) {
      await fail(error);
      throw error;
    }
  });
  const failure = outcomeError(result, resumeCommand());
  if (flags.quiet) printTargets(result, host);
  else if (mode !== "quiet" || failure !== undefined) host.stderr.write(summaryText(result));
  return { result, failure };
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

/** Does work whose news is shown, and leaves the screen in order. */
export async function inShow<T>(
  flags: ProgressFlags & Pick<RegistryFlags, "debug">,
  host: Host,
  work: (show: Show, mode: ProgressMode) => Promise<T>,
): Promise<T> {
  const isTerminal = host.stderr.isTTY === true;
  const mode = progressMode(flags.progress ?? (flags.quiet ? "quiet" : "auto"), { env: host.env, isTerminal });
  const { stderr: output, clock, env } = host;
  const show = await openShow(mode, { output, clock, env, debug: flags.debug === true });
  try {
    return await work(show, mode);
  } finally {
    show.close();
  }
}

function printTargets(result: CreateResult, host: Host): void {
  for (const target of result.targets) {
    if (isComplete(target)) host.stdout.write(`${formatLocation(target.at)}@${result.root.descriptor.digest}\n`);
  }
}
