import { isComplete } from "../../transfer/result.ts";
import type { Repeats } from "../../transfer/repeats.ts";
import type { CreateResult } from "../../verbs/create.ts";
import { repeatRemarks } from "./repeat-remarks.ts";
import { stylesFor, type Styles } from "./styles.ts";
import { failureBlocks, successBlocks, type Blocks } from "./summary-blocks.ts";
import { headline, nextLines, whyOf } from "./summary-words.ts";
import { tableLines } from "./table.ts";
import { wrap } from "./wrap.ts";

/** What a summary is made for, and what is known beside the result. */
export interface SummaryOptions {
  /** Of the terminal; default as many as it takes. */
  readonly columns?: number;
  readonly color?: boolean;
  /** What was sent again. */
  readonly repeats?: Pick<Repeats, "byRegistry" | "resumed">;
  /** What is typed behind `waybill resume` and `rollback` to find the run, quoted for a shell. Default: it was not taken down. */
  readonly recordedAs?: string;
  /** What the user types before a command; default `waybill`. */
  readonly typed?: string;
  /** What the exit code speaks of. */
  readonly error?: unknown;
}

interface Page extends SummaryOptions {
  readonly columns: number;
  readonly styles: Styles;
}

/**
 * The result for people: what it came to, the digest whole, what each target and tag has now, and where something failed, why
 * and what to type next. As a table where the terminal is wide enough, else folded; nothing is cut.
 */
export function summaryText(result: CreateResult, options: SummaryOptions = {}): string {
  const { columns = Number.POSITIVE_INFINITY, color = false } = options;
  const page: Page = { ...options, columns, styles: stylesFor(color) };
  const lines = result.targets.every(isComplete) ? successLines(result, page) : failureLines(result, page);
  return lines.map((line) => `${line}\n`).join("");
}

function successLines(result: CreateResult, page: Page): readonly string[] {
  const blocks = successBlocks(result.targets, page.styles);
  return [...headLines(result, page), ...blockLines(blocks, page), ...remarkLines(result, page)];
}

function failureLines(result: CreateResult, page: Page): readonly string[] {
  const blocks = failureBlocks(result, page.styles);
  const whys = whyOf(result.targets);
  return [
    ...headLines(result, page),
    "",
    ...blockLines(blocks, page),
    ...remarkLines(result, page),
    "",
    ...whys.flatMap((why, at) => labelled(at === 0 ? "why" : "", why, page)),
    ...nextLines(result, page).flatMap((next, at) => labelled(at === 0 ? "next" : "", next, page)),
  ];
}

function headLines(result: CreateResult, { columns, error, styles }: Page): readonly string[] {
  const { digest, mediaType } = result.root.descriptor;
  const isGood = result.targets.every(isComplete);
  const sign = isGood ? "✓" : "✗";
  const [first = "", ...more] = wrap(headline(result, error), { columns, first: `${sign} ` });
  const signed = (isGood ? styles.green : styles.red)(sign) + first.slice(sign.length);
  // The digest is what is looked for; its type has its place where it has room.
  const named = mediaType.length + 2 <= columns ? `${digest} ${mediaType}` : digest;
  return [signed, ...more, ...wrap(named, { columns, first: "  " })];
}

/** The blocks as one table, or folded where that is too wide. */
function blockLines({ head, blocks }: Blocks, { columns }: Page): readonly string[] {
  const rows = blocks.flatMap((block) => block.rows);
  const isTelling = head.map((_, column) => rows.some((row) => !silent.has(row[column]?.text ?? "")));
  const telling = [head, ...rows].map((row) => row.filter((_, column) => isTelling[column]));
  const folded = blocks.flatMap((block) => block.folded);
  return tableLines(telling, columns) ?? folded.flatMap(({ text, first }) => wrap(text, { columns, first }));
}

/** A column of which every field is so is left out. */
const silent: ReadonlySet<string> = new Set(["", "0 B"]);

function remarkLines({ targets, leftBehind }: CreateResult, { repeats, columns }: Page): readonly string[] {
  const written = targets.flatMap(({ tags }) => tags.flatMap((tag) => tag.writtenAt ?? []));
  const left = targets.some(isComplete) ? Object.entries(leftBehind) : [];
  const counted = left.map(([type, count]) => `${count} ${type}`).join(", ");
  const remarks = [
    ...(repeats ? repeatRemarks(repeats) : []),
    ...(written.length < 2 ? [] : [`tag skew ${Math.round(Math.max(...written) - Math.min(...written))} ms`]),
    ...(counted === ""
      ? []
      : [`left behind: ${counted} (not asked for with --referrers, or about an index that was changed)`]),
  ];
  return remarks.flatMap((remark) => wrap(remark, { columns, first: "  " }));
}

function labelled(label: string, text: string, { columns, styles }: Page): readonly string[] {
  const [first = "", ...more] = wrap(text, { columns, first: `  ${label.padEnd(6)}` });
  return [`  ${styles.bold(label)}${first.slice(2 + label.length)}`, ...more];
}
