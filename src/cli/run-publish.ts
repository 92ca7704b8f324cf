import type { Command } from "commander";
import { formatLocation } from "../spec/reference.ts";
import { isComplete } from "../transfer/outcome.ts";
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

/** The flags of every command that publishes. */
export interface PublishFlags extends RegistryFlags, RecordFlags, ProgressFlags {}

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
  known: Omit<RecorderOptions, "news"> = {},
): Promise<{ readonly result: CreateResult; readonly failure: unknown }> {
  const { result, resumeCommand, mode } = await inShow(flags, host, async (show, mode) => {
    const { recorder, fail, resumeCommand } = await openRecorder(flags, host, { ...known, news: show.report });
    try {
      await using context = await openCommandContext(flags, host, show.report, recorder);
      const result = await publish(context);
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
