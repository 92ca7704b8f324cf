import { WaybillError } from "../../errors.ts";

/** How news is shown. */
export type ProgressMode = "quiet" | "plain" | "rawjson" | "jsonl" | "tty";

export interface ModeOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether stderr, where news goes, is a terminal. */
  readonly isTerminal: boolean;
}

/**
 * What `--progress` comes to. `auto` takes `BUILDKIT_PROGRESS` where that is set, else the screen if there is a terminal. The empty
 * text, as an unset variable of a script leaves it, means the screen or not as buildx takes it: without `BUILDKIT_PROGRESS`.
 *
 * @throws WaybillError `invalid_argument` for an unknown mode, and for `tty` without a terminal.
 */
export function progressMode(asked: string, options: ModeOptions): ProgressMode {
  const { env, isTerminal } = options;
  const wanted = asked === "auto" ? env["BUILDKIT_PROGRESS"] || "auto" : asked;
  switch (wanted) {
    case "":
    case "auto":
      return isTerminal && env["TERM"] !== "dumb" ? "tty" : "plain";
    case "none":
    case "quiet":
      return "quiet";
    case "plain":
    case "rawjson":
    case "jsonl":
      return wanted;
    case "tty":
      if (isTerminal) return "tty";
      throw new WaybillError("invalid_argument", "failed to get console: stderr is not a terminal", {
        advice: "use --progress plain",
      });
    default:
      throw new WaybillError("invalid_argument", `invalid progress mode ${wanted}`, {
        advice: "the modes are auto, none, quiet, plain, rawjson, jsonl and tty",
      });
  }
}
