import { display, displayJson } from "../../spec/display.ts";
import type { Explanation, Finding } from "../../verbs/explain.ts";
import type { Kind } from "../../verbs/explain/failure.ts";
import { wrap } from "./wrap.ts";

const labelWidth = 10;

/** What a log says, for people: a paragraph for each finding, then what to type. Foreign text is made safe. */
export function explanationText(explanation: Explanation, columns: number): string {
  const { findings, command } = explanation;
  const paragraphs = findings.map((finding) => findingText(finding, explanation, columns));
  const isRerun = findings.some(({ failure }) => failure.rerun);
  if (isRerun) paragraphs.push(rerunText(command));
  const check = doctorCommand(explanation);
  if (check !== undefined) paragraphs.push(`Look closer:\n  ${display(check)}\n`);
  return paragraphs.join("\n");
}

function findingText(finding: Finding, { buildxVersion }: Explanation, columns: number): string {
  const { failure, excerpts, count } = finding;
  const seen = buildxVersion === undefined ? "" : `; this log names ${buildxVersion}`;
  const rows: readonly (readonly [label: string, text: string | undefined])[] = [
    ...excerpts.map(({ line, text }) => [`line ${line}`, text.trim()] as const),
    ["", count > 1 ? `seen ${count} times` : undefined],
    ["cause", failure.cause],
    ["versions", failure.versions && failure.versions + seen],
    ["known as", failure.issues?.join(", ")],
    ["instead", failure.instead],
  ];
  const lines = rows.flatMap(([label, text]) =>
    text === undefined ? [] : wrap(text, { columns, first: `  ${label.padEnd(labelWidth)}` }),
  );
  return [failure.about, ...lines, ""].join("\n");
}

function rerunText(command: Explanation["command"]): string {
  if (command?.isExact) return `Run instead:\n  ${display(command.text)}\n`;
  const why = command ? "the log shows them unexpanded" : "the log does not show them";
  return `Run instead, with your own arguments (${why}):\n  ${display(command?.text ?? "waybill create")} …\n`;
}

const lookedInto: ReadonlySet<Kind> = new Set(["permission", "limit", "registry", "network"]);

/** What to ask `doctor` about, where a registry or the way to it may be the reason, and the log names targets. */
function doctorCommand({ findings, command }: Explanation): string | undefined {
  const targets = command?.targets.slice(0, 10) ?? [];
  if (targets.length === 0 || !findings.some(({ failure }) => lookedInto.has(failure.kind))) return undefined;
  return ["waybill doctor", ...targets].join(" ");
}

/** The same for programs: `schema/explain-1.json`. One line. */
export function explanationJson(explanation: Explanation): string {
  const { findings, command, buildxVersion, read } = explanation;
  const doctor = doctorCommand(explanation);
  const document = {
    schemaVersion: 1,
    findings: findings.map(({ failure, excerpts, count }) => {
      const { id, kind, about, cause, versions, issues = [], instead, rerun = false } = failure;
      return { id, kind, about, cause, versions, issues, instead, rerun, count, excerpts };
    }),
    buildxVersion,
    command: command && { line: command.line, text: command.text, isExact: command.isExact },
    doctor,
    read,
  };
  return `${displayJson(JSON.stringify(document))}\n`;
}
