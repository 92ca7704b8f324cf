import { display, displayJson } from "../../spec/display.ts";
import type { Finding, Level, Section } from "../../verbs/doctor.ts";
import type { Style, Styles } from "./styles.ts";
import type { Symbols } from "./symbols.ts";
import { wrap } from "./wrap.ts";

export interface CheckupLook {
  /** `Infinity` for lines that never break. */
  readonly columns: number;
  readonly styles: Styles;
  readonly symbols: Symbols;
}

const labelWidth = "authorities".length + 2;
const indent = 4 + labelWidth;

/** What was found about one subject, for people: a line for each finding, below it what to do. Foreign text is made safe. */
export function sectionText(section: Section, look: CheckupLook): string {
  const { subject, findings, skipped } = section;
  const head = look.styles.bold(subject === "" ? "This machine" : display(subject));
  const lines = findings.flatMap((finding) => findingLines(finding, look));
  if (skipped.length > 0) lines.push(...skippedLines(skipped, look));
  return `${head}\n${lines.map((line) => `${line}\n`).join("")}`;
}

function findingLines({ check, level, text, advice }: Finding, look: CheckupLook): readonly string[] {
  const { columns, styles, symbols } = look;
  const first = `  ${symbols[level]} ${check.padEnd(labelWidth)}`;
  const [line = "", ...rest] = wrap(text, { columns, first });
  const painted = line.replace(symbols[level], styleOf(level, styles));
  const hint = advice === undefined ? [] : wrap(advice, { columns, first: " ".repeat(indent) });
  return [painted, ...rest, ...hint.map(styles.dim)];
}

function styleOf(level: Level, styles: Styles): Style {
  return { ok: styles.green, note: styles.dim, warning: styles.yellow, failure: styles.red }[level];
}

function skippedLines(skipped: readonly string[], { columns, styles, symbols }: CheckupLook): readonly string[] {
  const text = `not looked at until then: ${skipped.join(", ")}`;
  return wrap(text, { columns, first: `  ${symbols.note} `, indent: 4 }).map(styles.dim);
}

/** How many findings there are of each kind, in one line. */
export function tallyText(sections: readonly Section[]): string {
  const count = (level: Level) =>
    sections.flatMap(({ findings }) => findings).filter((it) => it.level === level).length;
  const [good, warnings, failures] = [count("ok"), count("warning"), count("failure")];
  const some = (number: number, one: string, many: string) => `${number} ${number === 1 ? one : many}`;
  return `${good} ok, ${some(warnings, "warning", "warnings")}, ${some(failures, "failure", "failures")}\n`;
}

/** The same for programs: `schema/doctor-1.json`. One line. */
export function checkupJson(sections: readonly Section[]): string {
  const isWell = !sections.some(({ findings }) => findings.some(({ level }) => level === "failure"));
  return `${displayJson(JSON.stringify({ schemaVersion: 1, isWell, sections }))}\n`;
}
