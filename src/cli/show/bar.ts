import type { Part } from "./line.ts";
import type { Styles } from "./styles.ts";

/** How much of `whole` is done, drawn: as wide as the terminal has room for. */
export function barPart(
  part: number,
  whole: number,
  { columns, styles }: { readonly columns: number; readonly styles: Styles },
): Part {
  const width = columns < 60 ? 8 : columns < 100 ? 14 : 20;
  const filled = whole === 0 ? width : Math.floor((Math.min(part, whole) / whole) * width);
  return {
    text: "━".repeat(filled) + "╌".repeat(width - filled),
    style: (bar) => styles.green(bar.slice(0, filled)) + styles.dim(bar.slice(filled)),
    rank: 6,
  };
}
