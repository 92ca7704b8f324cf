import { shortDigest } from "../../spec/digest.ts";
import { display, widthOf } from "../../spec/display.ts";
import { formatBytes, formatDuration } from "../units.ts";
import type { Row } from "./board.ts";

/** The styles a line may have; plain text where the terminal has no colours. */
export interface Styles {
  readonly green: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
  readonly dim: (text: string) => string;
}

export interface PaintOptions {
  readonly columns: number;
  readonly now: number;
  readonly styles: Styles;
  /** Bytes per second towards this row's target. */
  readonly rate: (row: Row) => number;
}

type Style = (text: string) => string;
type Segment = readonly [text: string, style?: Style];

const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const barWidth = 20;

/** The lines that show `rows` now, each cut to the terminal's width: one for a target, one more for its latest note. */
export function paint(rows: readonly Row[], options: PaintOptions): string[] {
  const nameWidth = Math.min(
    Math.max(...rows.map((row) => widthOf(nameOf(row))), 0),
    Math.max(12, Math.floor(options.columns / 3)),
  );
  return rows.flatMap((row) => paintRow(row, nameWidth, options));
}

function paintRow(row: Row, nameWidth: number, options: PaintOptions): string[] {
  const name = pad(display(nameOf(row), nameWidth), nameWidth);
  const { styles, now, columns } = options;
  if (row.error !== undefined) return [fit([["✗", styles.red], [` ${name}  `], [row.error, styles.red]], columns)];
  const age = formatDuration((row.endedAt ?? now) - row.startedAt);
  if (row.endedAt !== undefined) {
    return [
      fit(
        [
          ["✓", styles.green],
          [` ${name}  ${totalsOf(row)}  `],
          [row.tags.join(" "), styles.cyan],
          [`  ${age}`, styles.dim],
        ],
        columns,
      ),
    ];
  }
  const spin = spinner[Math.floor(now / 100) % spinner.length] ?? "";
  const moving = fit(
    [[spin, styles.cyan], [` ${name}  `], ...movementOf(row, options), [`  ${age}`, styles.dim]],
    columns,
  );
  return row.note === "" ? [moving] : [moving, fit([[`  ${shortened(row.note)}`, styles.dim]], columns)];
}

function movementOf(row: Row, options: PaintOptions): Segment[] {
  if (row.totalBytes === 0) return [[row.active > 0 ? "checking" : "", options.styles.dim]];
  const filled = Math.round((row.sentBytes / row.totalBytes) * barWidth);
  const done = row.sent + row.mounted + row.existed + row.failed;
  return [
    ["━".repeat(filled), options.styles.green],
    ["╌".repeat(barWidth - filled), options.styles.dim],
    [
      `  ${formatBytes(row.sentBytes)} / ${formatBytes(row.totalBytes)}  ${formatBytes(Math.round(options.rate(row)))}/s`,
    ],
    [`  ${done}/${done + row.active} items`, options.styles.dim],
  ];
}

function totalsOf(row: Row): string {
  const parts = [`${formatBytes(row.sentBytes)} sent`];
  if (row.mounted > 0) parts.push(`${row.mounted} mounted`);
  if (row.existed > 0) parts.push(`${row.existed} there already`);
  return parts.join(", ");
}

function nameOf(row: Row): string {
  return row.target === "" ? row.name : row.target;
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

function shortened(text: string): string {
  return text.replace(/sha(?:256|512):[0-9a-f]{64,128}/g, shortDigest);
}

/** Foreign text is made safe here; a line that would wrap would be drawn over wrongly. */
function fit(segments: readonly Segment[], columns: number): string {
  let left = columns - 1;
  let line = "";
  for (const [text, style] of segments) {
    if (left <= 0) break;
    const shown = display(text, left);
    left -= widthOf(shown);
    line += style ? style(shown) : shown;
  }
  return line;
}
