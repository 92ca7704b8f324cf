import { createLogUpdate } from "log-update";
import picocolors from "picocolors";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { Board, type Row } from "./board.ts";
import { noteOf } from "./notes.ts";
import { paint, type Styles } from "./paint.ts";
import type { Renderer, RendererOptions } from "./show.ts";

const frameMs = 80;
const rateWindowMs = 3000;

/** News as rows that are redrawn in place, at most a dozen times a second. */
export function ttyRenderer(options: RendererOptions): Renderer {
  const screen = new Screen(options);
  return { event: (event) => screen.event(event), close: () => screen.close(), clear: () => screen.clear() };
}

class Screen {
  readonly #board = new Board();
  readonly #rates = new Map<Row, { at: number; bytes: number }[]>();
  readonly #options: RendererOptions;
  readonly #styles: Styles;
  readonly #log: ReturnType<typeof createLogUpdate>;
  #cancelFrame: (() => void) | undefined;

  constructor(options: RendererOptions) {
    this.#options = options;
    this.#styles = picocolors.createColors(!options.env["NO_COLOR"]);
    // The cursor stays: a process that is killed cannot bring it back.
    this.#log = createLogUpdate(options.output as unknown as NodeJS.WritableStream, { showCursor: true });
  }

  event(event: WaybillEvent): void {
    const row = this.#board.apply(event);
    const note = noteOf(event, this.#options.debug);
    if (note !== undefined && (!row || event.type !== "retry")) this.#log.persist(note);
    if (row && this.#cancelFrame === undefined) this.#schedule();
  }

  // The spinner turns while anything runs, so a frame asks for the next.
  #schedule(): void {
    this.#cancelFrame = this.#options.clock.after(frameMs, () => {
      this.#cancelFrame = undefined;
      // Nobody is above us on this stack to catch what a terminal does to us.
      try {
        this.#draw();
        if (this.#board.rows.some((row) => row.endedAt === undefined)) this.#schedule();
      } catch {
        this.#cancelFrame = () => undefined;
      }
    });
  }

  #draw(): void {
    const now = this.#options.clock.now();
    const columns = this.#options.output.columns ?? 80;
    const lines = paint(this.#board.rows, { columns, now, styles: this.#styles, rate: (row) => this.#rate(row, now) });
    this.#log(lines.join("\n"));
  }

  #rate(row: Row, now: number): number {
    const samples = this.#rates.get(row) ?? [{ at: row.startedAt, bytes: 0 }];
    samples.push({ at: now, bytes: row.sentBytes });
    while (samples.length > 2 && now - (samples[0]?.at ?? now) > rateWindowMs) samples.shift();
    this.#rates.set(row, samples);
    const first = samples[0];
    return first && now > first.at ? ((row.sentBytes - first.bytes) / (now - first.at)) * 1000 : 0;
  }

  close(): void {
    this.#cancelFrame?.();
    if (this.#board.rows.length > 0) this.#draw();
    this.#log.done();
  }

  clear(): void {
    this.#cancelFrame?.();
    this.#log.clear();
  }
}
