import { display, widthOf } from "../../spec/display.ts";

/** Rows as columns two blanks apart, each line indented; the last column is not padded. Cells may be foreign text. */
export function tableText(rows: readonly (readonly string[])[], indent = "  "): string {
  const shown = rows.map((row) => row.map((cell) => display(cell)));
  const widths: number[] = [];
  for (const row of shown)
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, widthOf(cell))));
  return shown.map((row) => `${indent}${lineOf(row, widths)}\n`).join("");
}

function lineOf(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - widthOf(cell)));
  return cells.join("  ").trimEnd();
}
