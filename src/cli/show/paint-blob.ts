import { shortDigest } from "../../spec/digest.ts";
import { formatBytes, formatShare, formatWait } from "../units.ts";
import { percentOf, timeLeft } from "./amounts.ts";
import { barPart } from "./bar.ts";
import type { Wait } from "./board.ts";
import type { InFlight } from "./in-flight.ts";
import { composeLine, type Part } from "./line.ts";
import type { View } from "./paint.ts";
import type { Styles } from "./styles.ts";

/** One blob on its way: `9f2c…41be  ━━━━╌╌╌╌  40.9 / 60.0 MB  12.1 MB/s  2s left  ↻ resumed at 8.00 MB`. */
export function paintBlob(blob: InFlight, { columns, now, styles }: View, indent: number): string {
  const { sentBytes, sizeBytes, resumedAt } = blob;
  const share = formatShare(sentBytes, sizeBytes);
  return composeLine(
    [
      { text: " ".repeat(indent), gap: 0 },
      { text: shortDigest(blob.digest).replace(/^sha(?:256|512):/, ""), style: styles.dim, gap: 0 },
      barPart(sentBytes, sizeBytes, { columns, styles }),
      { text: share, rank: 2, width: 14, instead: { text: percentOf(sentBytes, sizeBytes) } },
      ...(sentBytes < sizeBytes ? speedParts(blob, now, styles) : [{ text: "storing", style: styles.dim, rank: 7 }]),
      ...againParts(resumedAt, styles),
    ],
    columns,
  );
}

function speedParts({ sentBytes, sizeBytes, meter }: InFlight, now: number, { dim }: Styles): readonly Part[] {
  const bytesPerSecond = meter.rate(now);
  if (bytesPerSecond === 0) return [];
  return [
    { text: `${formatBytes(Math.round(bytesPerSecond))}/s`, rank: 8, width: 9 },
    { text: timeLeft({ sentBytes, totalBytes: sizeBytes, bytesPerSecond }), style: dim, rank: 7 },
  ];
}

function againParts(resumedAt: number | undefined, { yellow }: Styles): readonly Part[] {
  if (resumedAt === undefined) return [];
  const how = resumedAt === 0 ? "begun anew" : `resumed at ${formatBytes(resumedAt)}`;
  return [{ text: `↻ ${how}`, style: yellow, rank: 6, instead: { text: "↻", style: yellow, rank: 3, gap: 1 } }];
}

/** What is waited for before something is tried again. */
export function paintWait(wait: Wait, view: View, indent = 0): string {
  return waitLine("↻ again", wait, view, indent);
}

/** What all requests to a registry wait for. */
export function paintHeld(wait: Wait, view: View, indent: number): string {
  return waitLine("‖ next", wait, view, indent);
}

function waitLine(what: string, wait: Wait, { columns, now, styles }: View, indent: number): string {
  const parts: Part[] = [
    { text: " ".repeat(indent), gap: 0 },
    { text: `${what} in ${formatWait(wait.until - now)}:`, style: styles.yellow, gap: 0 },
    { text: wait.text, gap: 1, style: styles.yellow },
  ];
  return composeLine(parts, columns);
}
