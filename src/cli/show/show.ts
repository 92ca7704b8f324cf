import type { Clock } from "../../async/clock.ts";
import type { Report, WaybillEvent } from "../../telemetry/events.ts";
import type { Output } from "../host.ts";
import type { ProgressMode } from "./mode.ts";
import { noteOf } from "./notes.ts";

/** Turns events into what people or programs read. */
export interface Renderer {
  event(event: WaybillEvent): void;
  /** Writes what is left to say. Called once. */
  close(): void;
  /** In place of `close`, when a summary follows that says the same: takes away what would be there twice. */
  clear?(): void;
}

export interface RendererOptions {
  readonly output: Output;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly debug: boolean;
}

/** A renderer that cannot hurt the job. */
export interface Show {
  readonly report: Report;
  /** Leaves the screen in order. Safe to call twice. */
  close(): void;
  /** The same, when a summary follows that says what rows on the screen say. */
  clear(): void;
}

/** Opens the renderer of `mode`; only that one is loaded. */
export async function openShow(mode: ProgressMode, options: RendererOptions): Promise<Show> {
  return guarded(await rendererOf(mode, options), options);
}

async function rendererOf(mode: ProgressMode, options: RendererOptions): Promise<Renderer> {
  switch (mode) {
    case "plain":
      return (await import("./plain.ts")).plainRenderer(options);
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
  };
}

/** Drops a renderer that throws: the picture is lost, the job goes on. */
export function guarded(renderer: Renderer, options: Pick<RendererOptions, "output">): Show {
  let live = true;
  const attempt = (act: () => void) => {
    if (!live) return;
    try {
      act();
    } catch (error) {
      live = false;
      tell(
        options.output,
        `WARNING: progress is no longer shown: ${error instanceof Error ? error.name : "unknown error"}\n`,
      );
    }
  };
  return {
    report: (event) => attempt(() => renderer.event(event)),
    close() {
      attempt(() => renderer.close());
      live = false;
    },
    clear() {
      attempt(() => (renderer.clear ? renderer.clear() : renderer.close()));
      live = false;
    },
  };
}

function tell(output: Output, text: string): void {
  try {
    output.write(text);
  } catch {
    // The output itself is what fails: there is nobody to tell.
  }
}
