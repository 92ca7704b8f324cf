import { widthOf } from "../../spec/display.ts";

/** A terminal's size, as far as it is known. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface FrameOptions {
  /** The terminal lays long lines out anew when its width changes, so that they take more or fewer rows than they did. */
  readonly reflows: boolean;
  /** The terminal can be asked to show a frame only when all of it is there. */
  readonly synchronizes: boolean;
}

const beginSync = "\u001b[?2026h";
const endSync = "\u001b[?2026l";
const eraseRest = "\u001b[K";
// The line by itself, and what is below from the next line on, which is there: the cursor stands below the picture. Erased from
// the first place of the screen, all of it would go into the scrollback of some terminals, as a picture that nobody draws over.
const eraseBelow = `${eraseRest}\u001b[B\u001b[J\u001b[A`;
const toMargin = "\u001b[G";
// oxlint-disable-next-line no-control-regex -- what styles are made of
const styling = /\u001b\[[0-9;]*m/g;

/**
 * A picture at the lower end of a terminal that is drawn over in place. Pure but for what it remembers of the last picture:
 * every method answers what is to be written, in one piece. The cursor stands below the picture and stays visible, so that a
 * process that is killed leaves the terminal in order.
 */
export class Frame {
  readonly #options: FrameOptions;
  #lines: readonly string[] = [];
  #columns = 0;

  constructor(options: FrameOptions) {
    this.#options = options;
  }

  /** Shows `lines` in place of what is shown. Only lines that differ are written; empty where none does. */
  draw(lines: readonly string[], size: Size): string {
    const text = this.#isIntact(size) ? difference(this.#lines, lines) : this.#erase(size) + lines.map(ended).join("");
    this.#lines = lines;
    this.#columns = size.columns;
    return this.#whole(text);
  }

  /** Writes `text`, which ends with a line's end, above the picture, for good. A picture of another size waits to be drawn. */
  above(text: string, size: Size): string {
    const erased = this.#erase(size);
    if (!this.#isIntact(size)) this.#lines = [];
    return this.#whole(erased + text + this.#lines.map(ended).join(""));
  }

  /** Takes the picture away. */
  clear(size: Size): string {
    const text = this.#erase(size);
    this.#lines = [];
    return this.#whole(text);
  }

  /** Leaves the picture where it stands, as text that others have written below: the next one begins at the cursor. */
  forget(): void {
    this.#lines = [];
  }

  /** Each line of the picture is one row, and all of them are on the screen. */
  #isIntact({ columns, rows }: Size): boolean {
    return columns === this.#columns && this.#lines.length < rows;
  }

  /** Goes to the beginning of the picture, as far as it can still be reached, and erases from there. */
  #erase({ columns, rows }: Size): string {
    if (this.#lines.length === 0) return "";
    const high = this.#lines.reduce((sum, line) => sum + this.#rowsOf(line, columns), 0);
    return toMargin + up(Math.min(high, rows - 1)) + eraseBelow;
  }

  #rowsOf(line: string, columns: number): number {
    if (!this.#options.reflows) return 1;
    return Math.max(1, Math.ceil(widthOf(line.replace(styling, "")) / columns));
  }

  #whole(text: string): string {
    return text === "" || !this.#options.synchronizes ? text : beginSync + text + endSync;
  }
}

/** What turns one picture into the other. Whoever types may have moved the cursor along its line. */
function difference(before: readonly string[], after: readonly string[]): string {
  let text = "";
  let at = before.length;
  for (const [index, line] of after.entries()) {
    if (index < before.length && line === before[index]) continue;
    text += toMargin + move(at, index) + line + eraseRest + "\n";
    at = index + 1;
  }
  if (after.length < before.length) return text + toMargin + move(at, after.length) + eraseBelow;
  return text + move(at, after.length);
}

/** From one line of the picture to another, both of which are on the screen. */
function move(from: number, to: number): string {
  return to > from ? `\u001b[${to - from}B` : up(from - to);
}

function up(rows: number): string {
  return rows > 0 ? `\u001b[${rows}A` : "";
}

function ended(line: string): string {
  return `${line}\n`;
}
