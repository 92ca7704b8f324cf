/** A stretch of time, in milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Puts spans into as few rows as keep them from overlapping, each into the first row that is free when it begins.
 *
 * @returns the row of each span, in the order given, and how many rows there are.
 */
export function packed(spans: readonly Span[]): { readonly rows: readonly number[]; readonly count: number } {
  const order = spans.map((span, index) => ({ span, index })).toSorted((a, b) => a.span.from - b.span.from);
  const rows = Array.from(spans, () => 0);
  const freeAt: number[] = [];
  for (const { span, index } of order) {
    const found = freeAt.findIndex((at) => at <= span.from);
    const row = found < 0 ? freeAt.length : found;
    rows[index] = row;
    freeAt[row] = span.to;
  }
  return { rows, count: freeAt.length };
}
