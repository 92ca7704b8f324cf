import { display, widthOf } from "../../spec/display.ts";
import type { Style } from "./styles.ts";

/** A field of a table. Its text may be foreign. */
export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

/**
 * Rows as columns two blanks apart, each line indented by two; the last field of a line is not padded. Nothing where a line
 * would be wider than `columns`: a table that wraps cannot be read.
 */
export function tableLines(rows: readonly (readonly Cell[])[], columns: number): readonly string[] | undefined {
  const shown = rows.map((row) => row.map(({ text, style }) => ({ text: display(text), style })));
  const widths: number[] = [];
  for (const row of shown)
    row.forEach(({ text }, column) => (widths[column] = Math.max(widths[column] ?? 0, widthOf(text))));
  const lines = shown.map((row) => lineOf(row, widths));
  return lines.every(({ width }) => width <= columns) ? lines.map(({ text }) => text) : undefined;
}

function lineOf(
  row: readonly { readonly text: string; readonly style: Style | undefined }[],
  widths: readonly number[],
): { readonly text: string; readonly width: number } {
  const last = row.findLastIndex(({ text }) => text !== "");
  let line = "";
  let columns = 0;
  for (const [column, { text, style }] of row.slice(0, last + 1).entries()) {
    const fill = column < last ? (widths[column] ?? 0) - widthOf(text) : 0;
    line += `  ${style ? style(text) : text}${" ".repeat(fill)}`;
    columns += 2 + widthOf(text) + fill;
  }
  return { text: line, width: columns };
}

/** Rows of plain fields as columns, however wide that is, each line indented by `indent`. */
export function tableText(rows: readonly (readonly string[])[], indent = "  "): string {
  const cells = rows.map((row) => row.map((text) => ({ text })));
  const lines = tableLines(cells, Number.POSITIVE_INFINITY) ?? [];
  return lines.map((line) => `${indent}${line.slice(2)}\n`).join("");
}
