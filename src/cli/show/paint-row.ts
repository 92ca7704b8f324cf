import { formatBytes, formatDuration, formatElapsed } from "../units.ts";
import { amountsOf, countParts, runningParts } from "./amounts.ts";
import { isCancelled, type Row } from "./board.ts";
import { composeLine, pad, squeeze, type Part } from "./line.ts";
import type { View } from "./paint.ts";
import type { Block } from "./place.ts";
import { phaseText, shortPhaseText } from "./phase-text.ts";
import { spinnerAt } from "./spinner.ts";

/** The name that a line begins with. */
export interface Label {
  readonly name: string;
  /** Columns before it. */
  readonly indent: number;
  /** Columns for indent and name together. */
  readonly width: number;
}

/** How a line is painted, and what is said in it of how much the registry is asked. */
export interface RowView extends View {
  readonly limits: readonly Part[];
}

type Fate = "running" | "done" | "failed" | "cancelled";

/** One target: how far it is while it runs, what became of it afterwards. */
export function paintRow(row: Row, label: Label, view: RowView): string {
  const fate = fateOf(row);
  return composeLine([...headParts(fate, label, view), ...rowParts(fate, row, view)], view.columns);
}

/** A registry with several targets: all of them together. */
export function paintRegistry({ rows }: Block, label: Label, view: RowView): string {
  const fate = worstOf(rows);
  return composeLine([...headParts(fate, label, view), ...registryParts(fate, rows, view)], view.columns);
}

function fateOf({ endedAt, error }: Row): Fate {
  if (endedAt === undefined) return "running";
  if (error === undefined) return "done";
  return isCancelled(error) ? "cancelled" : "failed";
}

function worstOf(rows: readonly Row[]): Fate {
  const fates = rows.map(fateOf);
  const worst = (["running", "failed", "cancelled"] as const).find((fate) => fates.includes(fate));
  return worst ?? "done";
}

function headParts(fate: Fate, { name, indent, width }: Label, { styles, now }: View): readonly Part[] {
  const shown = pad(squeeze(name, width - indent), width - indent);
  const text = { running: spinnerAt(now), done: "✓", failed: "✗", cancelled: "–" }[fate];
  const style = { running: styles.cyan, done: styles.green, failed: styles.red, cancelled: styles.yellow }[fate];
  return [
    { text: " ".repeat(indent), gap: 0 },
    { text, style, gap: 0 },
    { text: shown, gap: 1 },
  ];
}

function rowParts(fate: Fate, row: Row, { styles, now, limits }: RowView): readonly Part[] {
  if (fate === "failed") return [{ text: row.reason ?? "", style: styles.red }];
  if (fate === "cancelled") return [{ text: row.reason ?? "", style: styles.yellow }];
  const amounts = amountsOf([row], now);
  const tags: Part = { text: row.tags.join(" "), style: styles.cyan, rank: 6 };
  const since: Part = { text: formatElapsed(now - row.startedAt), style: styles.dim, rank: 7 };
  if (fate === "running" && isStaging(row))
    return [{ text: phaseText(row) }, ...runningParts(amounts, styles), ...limits, tags, since];
  const sent: Part = { text: row.sentBytes > 0 ? `${formatBytes(row.sentBytes)} sent` : "", rank: 4 };
  if (fate === "running")
    return [
      { text: phaseText(row), rank: 1, instead: { text: shortPhaseText(row) } },
      tags,
      sent,
      ...countParts(amounts, styles),
      ...limits,
      since,
    ];
  const took = formatDuration((row.endedAt ?? now) - row.startedAt);
  return [sent, ...countParts(amounts, styles), tags, { text: took, style: styles.dim, rank: 1 }];
}

function registryParts(fate: Fate, rows: readonly Row[], { styles, now, limits }: RowView): readonly Part[] {
  const amounts = amountsOf(rows, now);
  const over = rows.filter(({ endedAt }) => endedAt !== undefined);
  if (fate === "running")
    return [{ text: `${over.length} of ${rows.length} done` }, ...runningParts(amounts, styles), ...limits];
  if (fate === "failed") {
    const failed = rows.filter((row) => fateOf(row) === "failed");
    const error = failed[0]?.reason ?? "";
    return [{ text: `${failed.length} of ${rows.length} failed: ${error}`, style: styles.red }];
  }
  const tags = rows.reduce((count, row) => count + row.tags.length, 0);
  const tookMs = Math.max(...over.map(({ endedAt = now }) => endedAt)) - Math.min(...rows.map((row) => row.startedAt));
  return [
    { text: `${rows.length} repositories` },
    { text: amounts.sentBytes > 0 ? `${formatBytes(amounts.sentBytes)} sent` : "", rank: 4 },
    ...countParts(amounts, styles),
    fate === "cancelled"
      ? { text: rows.find(({ reason }) => reason !== undefined)?.reason ?? "", style: styles.yellow, rank: 2 }
      : { text: `${tags} ${tags === 1 ? "tag" : "tags"}`, style: styles.cyan, rank: 6 },
    { text: formatDuration(tookMs), style: styles.dim, rank: 1 },
  ];
}

function isStaging({ phase = "stage" }: Row): boolean {
  return phase === "stage";
}
