import type { Command } from "commander";
import type { Host } from "./host.ts";
import { addColor, addSwitch, addValue } from "./options.ts";
import { wantsColor, type ColorMode } from "./show/color.ts";
import { progressMode } from "./show/mode.ts";
import { onStderr, openShow, type Show } from "./show/show.ts";
import { ToldError } from "./told.ts";

/** What `addProgressOptions` leaves in a command's options. */
export interface ProgressFlags {
  readonly progress?: string;
  readonly color?: ColorMode;
  readonly quiet?: boolean;
}

export function addProgressOptions(command: Command): void {
  const modes = "auto, none, quiet, plain, rawjson, jsonl or tty (default: auto) [$BUILDKIT_PROGRESS]";
  addValue(command, "--progress <mode>", modes);
  addColor(command);
  addSwitch(command, "-q, --quiet", "Show nothing but REPOSITORY@DIGEST for each target");
}

/** Does work whose news is shown, and leaves the screen in order. `shown` is the host whose `stderr` does not tear it. */
export async function inShow<T>(
  flags: ProgressFlags,
  host: Host,
  work: (show: Show, shown: Host) => Promise<T>,
): Promise<T> {
  const stderr = { env: host.env, isTerminal: host.stderr.isTTY === true };
  const mode = progressMode(askedMode(flags, host.log), stderr);
  const color = wantsColor(flags.color ?? "auto", stderr);
  const show = await openShow(mode, { ...onStderr(host), color });
  try {
    const done = await work(show, { ...host, stderr: show.output });
    show.close();
    return done;
  } catch (error) {
    show.close({ error });
    throw show.tellsOutcome ? new ToldError(error) : error;
  }
}

/** A log for programs stands alone, unless a form of progress is named. */
function askedMode({ progress, quiet }: ProgressFlags, { format }: Host["log"]): string {
  const isNamed = progress !== undefined && progress !== "auto";
  if (format === "json" && !isNamed) return "quiet";
  return progress ?? (quiet ? "quiet" : "auto");
}
