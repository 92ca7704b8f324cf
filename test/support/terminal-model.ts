import { widthOf } from "../../src/spec/display.ts";

/** A terminal, as far as our screen uses one. */
export interface TerminalModel {
  write(text: string): void;
  /** Becomes wider, narrower, higher or lower, and lays its lines out anew, as modern terminals do. */
  resize(columns: number, rows: number): void;
  /** What can be seen, without blanks at the ends of lines and without empty lines at the end. */
  readonly screen: readonly string[];
  /** What has gone out of sight above it. */
  readonly scrollback: readonly string[];
  /** Rows above the cursor on the screen. */
  readonly cursorRow: number;
}

interface Row {
  chars: string[];
  /** The line goes on in the next row. */
  goesOn: boolean;
}

/** Answers to what `frame.ts` writes; throws for every other control. */
export function terminalModel(columns: number, rows: number): TerminalModel {
  const size = { columns, rows };
  /** Everything that was written, what has scrolled away at the top included. */
  let all: Row[] = [emptyRow()];
  /** The first that can be seen, and where the cursor is. */
  let top = 0;
  let row = 0;
  let column = 0;

  const rowAt = (index: number): Row => {
    while (all.length <= index) all.push(emptyRow());
    return all[index]!;
  };

  function print(char: string): void {
    if (column + widthOf(char) > size.columns) {
      rowAt(row).goesOn = true;
      lineFeed();
    }
    const { chars } = rowAt(row);
    while (chars.length < column) chars.push(" ");
    chars[column] = char;
    column += widthOf(char);
  }

  function lineFeed(): void {
    row++;
    column = 0;
    rowAt(row);
    top = Math.max(top, row - size.rows + 1);
  }

  function eraseRest(): void {
    rowAt(row).chars.splice(column);
    rowAt(row).goesOn = false;
  }

  /** Who erases the whole screen wants it kept, some terminals think. */
  function scrollAway(): void {
    top = all.length;
    row = top;
    rowAt(row);
  }

  function control(final: string, count: number): void {
    if (final === "A") row = Math.max(top, row - count);
    else if (final === "B") row = Math.min(top + size.rows - 1, row + count);
    else if (final === "G") column = 0;
    else if (final === "K") eraseRest();
    else if (final === "J") {
      if (row === top && column === 0) scrollAway();
      eraseRest();
      all.splice(row + 1);
    } else if (!"mhl".includes(final)) throw new RangeError(`unknown control "${final}"`);
  }

  return {
    write(text) {
      // oxlint-disable-next-line no-control-regex -- what a terminal acts on
      for (const [token, count, final] of text.matchAll(/\u001b\[\??([\d;]*)([A-Za-z])|[^]/gu)) {
        if (final !== undefined) control(final, Number(count || 1));
        else if (token === "\n") lineFeed();
        else print(token);
      }
    },
    resize(newColumns, newRows) {
      const above = linesOf(all.slice(0, row)).flatMap((line) => laidOut(line, newColumns));
      const below = linesOf(all.slice(row)).flatMap((line) => laidOut(line, newColumns));
      all = [...above, ...below.slice(0, below.findLastIndex(({ chars }) => chars.length > 0) + 1)];
      size.columns = newColumns;
      size.rows = newRows;
      row = above.length;
      rowAt(row);
      top = Math.max(0, all.length - newRows);
    },
    get screen() {
      const seen = all.slice(top).map(({ chars }) => chars.join("").trimEnd());
      return seen.slice(0, seen.findLastIndex((line) => line !== "") + 1);
    },
    get scrollback() {
      return all.slice(0, top).map(({ chars }) => chars.join("").trimEnd());
    },
    get cursorRow() {
      return row - top;
    },
  };
}

function emptyRow(): Row {
  return { chars: [], goesOn: false };
}

function linesOf(rows: readonly Row[]): string[][] {
  const lines: string[][] = [];
  let isNew = true;
  for (const { chars, goesOn } of rows) {
    if (isNew) lines.push([...chars]);
    else lines.at(-1)!.push(...chars);
    isNew = !goesOn;
  }
  return lines;
}

function laidOut(line: readonly string[], columns: number): Row[] {
  const rows: Row[] = [];
  for (let from = 0; from === 0 || from < line.length; from += columns)
    rows.push({ chars: line.slice(from, from + columns), goesOn: from + columns < line.length });
  return rows;
}
