import type { WaybillEvent } from "../../telemetry/events.ts";
import { display } from "../../spec/display.ts";
import { Board, toldByRows } from "./board.ts";
import { Frame, type Size } from "./frame.ts";
import { quotaText } from "./notes.ts";
import { paint } from "./paint.ts";
import type { Renderer, RendererOptions } from "./show.ts";
import { stylesFor } from "./styles.ts";
import { terminalTraits } from "./terminal.ts";

const frameMs = 100;
/** No frame for so long, and we were stopped, as by Ctrl-Z: the shell has written below the picture since. */
const stoppedMs = 1000;

/** News as a picture that is drawn over in place, ten times a second. */
export function ttyRenderer(options: RendererOptions): Renderer {
  const screen = new Screen(options);
  return {
    event: (event) => screen.event(event),
    above: (text) => screen.above(text),
    close: () => screen.close(),
    clear: () => screen.clear(),
    tells: toldByRows,
  };
}

class Screen {
  readonly #board = new Board();
  readonly #options: RendererOptions;
  readonly #frame: Frame;
  readonly #startedAt: number;
  readonly #onResize = () => this.#safely(() => this.#draw());
  #cancelFrame: () => void = () => undefined;
  #seenAt: number;

  constructor(options: RendererOptions) {
    this.#options = options;
    this.#frame = new Frame(terminalTraits(options.env));
    this.#startedAt = options.clock.now();
    this.#seenAt = this.#startedAt;
    options.output.on?.("resize", this.#onResize);
    this.#schedule();
  }

  event(event: WaybillEvent): void {
    this.#board.apply(event);
    if (event.type === "pull-quota") this.above(`${display(quotaText(event))}\n`);
  }

  above(text: string): void {
    this.#lookAtClock();
    this.#write(this.#frame.above(text, this.#size()));
  }

  // Time passes in the picture even where nothing happens, so a frame asks for the next.
  #schedule(): void {
    this.#cancelFrame = this.#options.clock.after(frameMs, () => {
      if (this.#safely(() => this.#draw())) this.#schedule();
    });
  }

  /** Nobody is above us on a timer's stack to catch what a terminal does to us: the picture then stands still. */
  #safely(act: () => void): boolean {
    try {
      act();
      return true;
    } catch {
      this.#stop();
      return false;
    }
  }

  #draw(): void {
    const { color = false } = this.#options;
    const size = this.#size();
    const view = { ...size, now: this.#lookAtClock(), startedAt: this.#startedAt, styles: stylesFor(color) };
    this.#write(this.#frame.draw(paint(this.#board, view), size));
  }

  /** The time. Whatever wakes us first after a stop, news or a frame, must not write over what is not ours. */
  #lookAtClock(): number {
    const now = this.#options.clock.now();
    if (now - this.#seenAt > stoppedMs) this.#frame.forget();
    this.#seenAt = now;
    return now;
  }

  #size(): Size {
    const { columns, rows } = this.#options.output;
    return { columns: columns || 80, rows: rows || 24 };
  }

  #write(text: string): void {
    if (text !== "") this.#options.output.write(text);
  }

  #stop(): void {
    this.#cancelFrame();
    this.#options.output.off?.("resize", this.#onResize);
  }

  close(): void {
    this.#stop();
    if (this.#board.rows.length > 0) this.#draw();
    else this.clear();
  }

  clear(): void {
    this.#stop();
    this.#lookAtClock();
    this.#write(this.#frame.clear(this.#size()));
  }
}
