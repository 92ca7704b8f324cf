import { formatBytes, formatShare, formatWait } from "../units.ts";
import type { Row } from "./board.ts";
import type { Part } from "./line.ts";
import type { Styles } from "./styles.ts";

/** How much there is and how fast it goes: of a target, of a registry, or of all. */
export interface Amounts {
  readonly sentBytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
  readonly mounted: number;
  readonly skipped: number;
  readonly retries: number;
}

export function amountsOf(rows: readonly Row[], now: number): Amounts {
  const sum = (value: (row: Row) => number) => rows.reduce((total, row) => total + value(row), 0);
  return {
    sentBytes: sum(({ sentBytes }) => sentBytes),
    totalBytes: sum(({ totalBytes }) => totalBytes),
    bytesPerSecond: sum(({ meter }) => meter.rate(now)),
    mounted: sum(({ mounted }) => mounted),
    skipped: sum(({ existed }) => existed),
    retries: sum(({ retries }) => retries),
  };
}

/** While it runs: bytes, rate, time left, counts. */
export function runningParts(amounts: Amounts, styles: Styles): readonly Part[] {
  const { sentBytes, totalBytes, bytesPerSecond } = amounts;
  if (totalBytes === 0) return countParts(amounts, styles);
  return [
    { text: formatShare(sentBytes, totalBytes), rank: 1, instead: { text: percentOf(sentBytes, totalBytes) } },
    { text: bytesPerSecond > 0 ? `${formatBytes(Math.round(bytesPerSecond))}/s` : "", rank: 4 },
    { text: timeLeft(amounts), style: styles.dim, rank: 2 },
    ...countParts(amounts, styles),
  ];
}

/** What was mounted, skipped and tried again. */
export function countParts({ mounted, skipped, retries }: Amounts, { dim, yellow }: Styles): readonly Part[] {
  const counts = [mounted > 0 ? `${mounted} mounted` : "", skipped > 0 ? `${skipped} skipped` : ""].filter(Boolean);
  return [
    { text: counts.join(", "), style: dim, rank: 5 },
    { text: retries === 0 ? "" : retries === 1 ? "1 retry" : `${retries} retries`, style: yellow, rank: 3 },
  ];
}

/** `42%`; 100 only where nothing is left. */
export function percentOf(part: number, whole: number): string {
  return `${whole === 0 ? 100 : Math.floor((part / whole) * 100)}%`;
}

/** `8s left`; empty where it cannot be told. */
export function timeLeft({
  sentBytes,
  totalBytes,
  bytesPerSecond,
}: Pick<Amounts, "sentBytes" | "totalBytes" | "bytesPerSecond">): string {
  const leftBytes = totalBytes - sentBytes;
  if (leftBytes <= 0 || bytesPerSecond <= 0) return "";
  return `${formatWait((leftBytes / bytesPerSecond) * 1000)} left`;
}
