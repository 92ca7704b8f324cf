import { display, widthOf } from "../../spec/display.ts";

export interface WrapOptions {
  /** Of the terminal; `Infinity` where there is none. */
  readonly columns: number;
  /** Before the first line. */
  readonly first?: string;
  /** Blanks before the others; default as wide as `first`. */
  readonly indent?: number;
}

/**
 * `text`, made safe for a terminal, as lines of at most `columns` columns, broken between words; a word that is longer than a
 * line is broken where the line ends. Nothing is lost.
 */
export function wrap(text: string, options: WrapOptions): readonly string[] {
  const { columns, first = "", indent = widthOf(first) } = options;
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  const begin = () => {
    lines.push(withoutBlanks(line));
    line = " ".repeat(indent);
    isEmpty = true;
  };
  for (const word of display(text).split(" ")) {
    if (!isEmpty && widthOf(line) + 1 + widthOf(word) > columns) begin();
    if (!isEmpty) line += " ";
    for (const char of word) {
      if (widthOf(line + char) > columns && !isEmpty) begin();
      line += char;
      isEmpty = false;
    }
  }
  return [...lines, withoutBlanks(line)];
}

/** Other spaces, such as those that forbid a break, are part of the text. */
function withoutBlanks(line: string): string {
  return line.replace(/ +$/, "");
}
