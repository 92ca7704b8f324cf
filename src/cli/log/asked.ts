import { isAtLeast, logLevel, type LogLevel } from "./level.ts";

export const logFormats = ["text", "json"] as const;
export type LogFormat = (typeof logFormats)[number];

/** What the command line says of the log. */
export interface LogAsked {
  /** Everything from this level on. Absent: warnings, and of those only urgent ones where no progress is shown. */
  readonly level?: LogLevel;
  readonly format: LogFormat;
}

/**
 * Reads `--log-level`, `--log-format` and `-D`, which is `--log-level debug`, wherever they stand: how errors are told must be
 * known before it is known which command there is, and also where its flags are wrong. Never throws: what it cannot read is
 * refused later.
 */
export function logAsked(args: readonly string[]): LogAsked {
  const flags = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  const named = lastOf(flags, "--log-level", logLevel);
  const level = isDebug(flags) && !(named && isAtLeast("debug", named)) ? "debug" : named;
  const format = lastOf(flags, "--log-format", (word) => logFormats.find((one) => one === word)) ?? "text";
  return { ...(level && { level }), format };
}

/** As in pflag the last one counts. */
function lastOf<T>(args: readonly string[], flag: string, read: (word: string) => T | undefined): T | undefined {
  const words = args.flatMap((arg, at) => {
    if (arg === flag) return [args[at + 1] ?? ""];
    return arg.startsWith(`${flag}=`) ? [arg.slice(flag.length + 1)] : [];
  });
  return read(words.at(-1) ?? "");
}

// Switches may be joined: `-qD`. A letter that takes a value ends such a word.
const spelled = /^(?:-[hnqy]*D[Dhnqy]*|--debug|--no-debug)(?:=(.*))?$/;
const lies = /^(?:0|f|false)$/i;

function isDebug(args: readonly string[]): boolean {
  const last = args.map((arg) => spelled.exec(arg)).findLast((match) => match !== null);
  return last !== undefined && last[0] !== "--no-debug" && !lies.test(last[1] ?? "");
}
