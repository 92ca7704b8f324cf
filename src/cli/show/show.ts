import type { Clock } from "../../async/clock.ts";
import type { Report, WaybillEvent } from "../../telemetry/events.ts";
import type { CreateResult } from "../../verbs/create.ts";
import type { Output } from "../host.ts";
import type { ProgressMode } from "./mode.ts";
import { noteOf } from "./notes.ts";
import { summaryText, type SummaryOptions } from "./summary.ts";
import { Tally } from "./tally.ts";

/** What a run came to: its result, which may speak of failures, and the error that the exit code speaks of. */
export interface Outcome {
  readonly result?: CreateResult;
  readonly error?: unknown;
}

/** Turns events into what people or programs read. */
export interface Renderer {
  event(event: WaybillEvent): void;
  /** Writes what is left to say. Called once. */
  close(outcome?: Outcome): void;
  /** In place of `close`, when a summary follows that says the same: takes away what would be there twice. */
  clear?(): void;
  /** Whether a summary for people fits behind what it writes. Default: always. */
  readonly summary?: "on failure" | "never";
  /** What it writes at its close holds the outcome in a form of its own: no sentence may follow. */
  readonly tellsOutcome?: true;
}

export interface RendererOptions {
  readonly output: Output;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly debug: boolean;
  /** Whether colours are wanted; default not. */
  readonly color?: boolean;
}

/** A renderer that cannot hurt the job. */
export interface Show {
  readonly report: Report;
  /** Closes it with the outcome of a publish: with the summary, where that fits, in place of what would be there twice. */
  tell(result: CreateResult, options?: Pick<SummaryOptions, "error" | "recordedAs">): void;
  /** Leaves the screen in order. Safe to call twice. */
  close(outcome?: Outcome): void;
  /** `tell` says of a publish that has failed what to do next. */
  readonly saysNext: boolean;
  /** See `Renderer`. */
  readonly tellsOutcome: boolean;
}

/** Opens the renderer of `mode`; only that one is loaded. */
export async function openShow(mode: ProgressMode, options: RendererOptions): Promise<Show> {
  return guarded(await rendererOf(mode, options), options);
}

async function rendererOf(mode: ProgressMode, options: RendererOptions): Promise<Renderer> {
  switch (mode) {
    case "plain":
      return (await import("./plain.ts")).plainRenderer(options);
    case "jsonl":
      return (await import("./jsonl.ts")).jsonLinesRenderer(options);
    case "rawjson":
      return (await import("./rawjson.ts")).rawJsonRenderer(options);
    case "tty":
      return (await import("./tty.ts")).ttyRenderer(options);
    default:
      return quietRenderer(options);
  }
}

/** Says nothing but what is urgent and what `--debug` asked for. */
function quietRenderer({ output, debug }: RendererOptions): Renderer {
  return {
    event(event) {
      const isWanted = debug || (event.type === "warning" && event.isUrgent);
      const note = isWanted ? noteOf(event, debug) : undefined;
      if (note !== undefined) output.write(`${note}\n`);
    },
    close: () => undefined,
    summary: "on failure",
  };
}

/** Drops a renderer that throws: the picture is lost, the job goes on, and its summary is written all the same. */
export function guarded(renderer: Renderer, options: Pick<RendererOptions, "output" | "color">): Show {
  const { output, color = false } = options;
  const tally = new Tally();
  let live = true;
  const attempt = (act: () => void) => {
    if (!live) return;
    try {
      act();
    } catch (error) {
      live = false;
      const name = error instanceof Error ? error.name : "unknown error";
      tellQuietly(output, `WARNING: progress is no longer shown: ${name}\n`);
    }
  };
  return {
    report(event) {
      tally.apply(event);
      attempt(() => renderer.event(event));
    },
    tell(result, { error, recordedAs } = {}) {
      attempt(() => (renderer.clear ? renderer.clear() : renderer.close({ result, error })));
      live = false;
      if (renderer.summary === "never" || (renderer.summary === "on failure" && error === undefined)) return;
      const columns = output.isTTY ? output.columns || 80 : Number.POSITIVE_INFINITY;
      const known = { columns, color, tally, error, ...(recordedAs !== undefined && { recordedAs }) };
      output.write(summaryText(result, known));
    },
    close(outcome) {
      attempt(() => renderer.close(outcome));
      live = false;
    },
    saysNext: renderer.summary !== "never",
    tellsOutcome: renderer.tellsOutcome === true,
  };
}

function tellQuietly(output: Output, text: string): void {
  try {
    output.write(text);
  } catch {
    // The output itself is what fails: there is nobody to tell.
  }
}
