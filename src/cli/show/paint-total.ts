import { formatBytes, formatShare, formatElapsed } from "../units.ts";
import { amountsOf, countParts, percentOf, timeLeft } from "./amounts.ts";
import { barPart } from "./bar.ts";
import type { Board } from "./board.ts";
import { composeLine } from "./line.ts";
import type { View } from "./paint.ts";
import { spinnerAt } from "./spinner.ts";

/** All targets together: bytes, rate, time left, elapsed. */
export function paintTotal({ rows }: Board, { columns, now, startedAt, styles }: View): string {
  const amounts = amountsOf(rows, now);
  const { sentBytes, totalBytes, bytesPerSecond } = amounts;
  const elapsed = formatElapsed(now - startedAt);
  const what =
    totalBytes === 0
      ? countParts(amounts, styles)
      : [
          barPart(sentBytes, totalBytes, { columns, styles }),
          { text: percentOf(sentBytes, totalBytes) },
          { text: formatShare(sentBytes, totalBytes), rank: 7 },
          { text: bytesPerSecond > 0 ? `${formatBytes(Math.round(bytesPerSecond))}/s` : "", rank: 2 },
          { text: timeLeft(amounts), rank: 1 },
        ];
  return composeLine(
    [{ text: "total", style: styles.bold }, ...what, { text: elapsed, style: styles.dim, rank: 8 }],
    columns,
  );
}

/** The picture before any target's work has begun. */
export function paintStart({ columns, now, startedAt, styles }: View): string {
  return composeLine(
    [
      { text: spinnerAt(now), style: styles.cyan },
      { text: "looking at sources and targets", gap: 1 },
      { text: formatElapsed(now - startedAt), style: styles.dim },
    ],
    columns,
  );
}
