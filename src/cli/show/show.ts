import type { Clock } from "../../async/clock.ts";
import type { Report, WaybillEvent } from "../../telemetry/events.ts";
import type { CreateResult } from "../../verbs/create.ts";
import type { Host, Output } from "../host.ts";
import type { Log } from "../log/log.ts";
import { outcomeRecords } from "../log/outcome-records.ts";
import type { ProgressMode } from "./mode.ts";
import { summaryText, type SummaryOptions } from "./summary.ts";

/** What a run came to: its result, which may speak of failures, and the error that the exit code speaks of. */
export interface Outcome {
  readonly result?: CreateResult;
  readonly error?: unknown;
}

/** Turns events into what people or programs read. */
export interface Renderer {
  readonly event: (event: WaybillEvent) => void;
  /** Writes what is left to say. Called once. */
  readonly close: (outcome?: Outcome) => void;
  /** In place of `close`, when a summary follows that says the same: takes away what would be there twice. */
  readonly clear?: () => void;
  /** Writes lines where they do not tear what it shows. Default: they go straight to the output. */
  readonly above?: (text: string) => void;
  /** News that it tells itself, so that the log as text need not. */
  readonly tells?: ReadonlySet<WaybillEvent["type"]>;
  /** It shows nothing, so that only what is urgent is worth a line where no level was asked for. */
  readonly isQuiet?: true;
  /** Whether a summary for people fits behind what it writes. Default: always. "never": lines of a log do not fit either. */
  readonly summary?: "on failure" | "never";
  /** What it writes at its close holds the outcome in a form of its own: no sentence may follow. */
  readonly tellsOutcome?: true;
}

export interface RendererOptions {
  readonly output: Output;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Whether colours are wanted; default not. */
  readonly color?: boolean;
}

/** News goes to the host's `stderr`. */
export function onStderr({ stderr: output, clock, env, log }: Host): RendererOptions {
  return { output, clock, env, log };
}

/** A renderer that cannot hurt the job, and the log of what it does not show. */
export interface Show {
  readonly report: Report;
  /** The same output for whoever writes whole lines while it is open. */
  readonly output: Output;
  /** Closes it with the outcome of a publish: with the summary, where that fits, in place of what would be there twice. */
  tell(result: CreateResult, options?: Omit<SummaryOptions, "columns" | "color">): void;
  /** Leaves the screen in order. Safe to call twice. */
  close(outcome?: Outcome): void;
  /** `tell` says of a publish that has failed why, and what to do next. */
  readonly saysWhy: boolean;
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
      return quietRenderer();
  }
}

/** Shows nothing. */
function quietRenderer(): Renderer {
  return { event: () => undefined, close: () => undefined, isQuiet: true, summary: "on failure" };
}

/** Drops a renderer that throws: the picture is lost, the job goes on, and its log and its summary are written all the same. */
export function guarded(renderer: Renderer, options: Pick<RendererOptions, "output" | "color" | "log">): Show {
  return new GuardedShow(renderer, options);
}

class GuardedShow implements Show {
  readonly output: Output;
  readonly saysWhy: boolean;
  readonly tellsOutcome: boolean;
  readonly #renderer: Renderer;
  readonly #options: Pick<RendererOptions, "output" | "color" | "log">;
  /** Where nothing else is shown, the log is all that there is. */
  readonly #isAllLog: boolean;
  #isLive = true;

  constructor(renderer: Renderer, options: Pick<RendererOptions, "output" | "color" | "log">) {
    this.#renderer = renderer;
    this.#options = options;
    this.#isAllLog = renderer.isQuiet === true && options.log.format === "json";
    this.output = throughShow(options.output, (text) => this.#print(text));
    this.saysWhy = renderer.summary !== "never" && !this.#isAllLog;
    this.tellsOutcome = renderer.tellsOutcome === true;
  }

  readonly report: Report = (event) => {
    if (this.#renderer.isQuiet !== true) this.#attempt(() => this.#renderer.event(event));
    const line = this.#lineOf(event);
    if (line !== undefined) this.#print(line);
  };

  tell(result: CreateResult, told: Omit<SummaryOptions, "columns" | "color"> = {}): void {
    const { error } = told;
    const { clear, close, summary } = this.#renderer;
    const { output, color = false } = this.#options;
    this.#attempt(() => (clear ? clear() : close({ result, error })));
    this.#end({ result, error });
    if (this.#isAllLog || summary === "never" || (summary === "on failure" && error === undefined)) return;
    const columns = output.isTTY ? output.columns || 80 : Number.POSITIVE_INFINITY;
    output.write(summaryText(result, { ...told, columns, color }));
  }

  close(outcome: Outcome = {}): void {
    this.#attempt(() => this.#renderer.close(outcome));
    this.#end(outcome);
  }

  #attempt(act: () => void): void {
    if (!this.#isLive) return;
    try {
      act();
    } catch (error) {
      this.#isLive = false;
      const name = error instanceof Error ? error.name : "unknown error";
      const { log, output } = this.#options;
      tellQuietly(output, log.of({ level: "warn", message: `progress is no longer shown: ${name}` }));
    }
  }

  /** The line of the log about `event`, where it is wanted and not shown already. */
  #lineOf(event: WaybillEvent): string | undefined {
    const { summary, tells, isQuiet } = this.#renderer;
    const { log } = this.#options;
    if (summary === "never") return undefined;
    const line = log.ofEvent(event);
    if (this.#isLive && log.format === "text" && tells?.has(event.type)) return undefined;
    const isUrgent = event.type === "warning" && event.isUrgent === true;
    return isQuiet && log.isDefault && !isUrgent ? undefined : line;
  }

  #print(text: string): void {
    const { above } = this.#renderer;
    if (this.#isLive && above) this.#attempt(() => above(text));
    else tellQuietly(this.#options.output, text);
  }

  #end({ result, error }: Outcome): void {
    this.#isLive = false;
    const { log, output } = this.#options;
    if (!result || log.format === "text" || this.#renderer.summary === "never") return;
    for (const record of outcomeRecords(result, error)) tellQuietly(output, log.of(record));
  }
}

/** `output`, written to by `print`. */
function throughShow(output: Output, print: (text: string) => void): Output {
  return {
    write: (text) => print(String(text)),
    isTTY: output.isTTY === true,
    get columns() {
      return output.columns;
    },
    get rows() {
      return output.rows;
    },
  };
}

function tellQuietly(output: Output, text: string | undefined): void {
  if (text === undefined) return;
  try {
    output.write(text);
  } catch {
    // The output itself is what fails: there is nobody to tell.
  }
}
