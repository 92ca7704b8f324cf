import type { Line } from "./lines.ts";
import { quoted, shellWords } from "./shell-words.ts";

/** A command of buildx that a log shows, and what stands for it; or one of ours, as it is. */
export interface ShownCommand {
  readonly line: number;
  /** To type into a shell. Foreign text: it passes `display` before it reaches a terminal. */
  readonly text: string;
  /** False where the log shows it before the shell put values into it: then `text` is what to type up to its arguments. */
  readonly isExact: boolean;
  /** References that it names as targets. */
  readonly targets: readonly string[];
}

/** Collects the commands of a log. */
export interface CommandWatch {
  see(line: Line): void;
  /** The last one at or before `line`, else the first one after it. */
  near(line: number): ShownCommand | undefined;
}

const maxCommands = 100;
const maxContinuations = 100;
const maxLength = 64 * 1024;

/** Makes a watch that has seen nothing. */
export function watchForCommands(): CommandWatch {
  const found: ShownCommand[] = [];
  let open: { readonly line: number; readonly text: string; readonly left: number } | undefined;

  function take(line: number, text: string): void {
    const command = parseCommand(text);
    if (!command) return;
    if (found.length === maxCommands) found.pop();
    found.push({ line, ...command });
  }

  return {
    see({ number, text }) {
      const isNew = /\b(?:imagetools|waybill)\s+(?:create|inspect)\b/.test(text);
      const begun = isNew ? undefined : open;
      open = undefined;
      if (!begun && !isNew) return;
      const bare = withoutMarks(text);
      const whole = begun ? `${begun.text} ${bare}` : bare;
      const left = (begun?.left ?? maxContinuations) - 1;
      const line = begun?.line ?? number;
      const goesOn = whole.endsWith("\\") && left > 0 && whole.length < maxLength;
      if (goesOn) open = { line, text: whole.slice(0, -1), left };
      else take(line, whole);
    },
    near: (line) => found.findLast((command) => command.line <= line) ?? found[0],
  };
}

/** A line without the time before it, and without a colour whose escape character was lost when it was copied. */
function withoutMarks(text: string): string {
  return text.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, "").replace(/\[0m$/, "");
}

const upstream = /(?:\bbuildx|\bdocker)\b(.{0,400}?)\bimagetools\s+(create|inspect)\s+(.*)$/s;
const own = /\bwaybill()\s+(create|inspect)\s+(.*)$/s;

/** The one that a line of a log shows, however the pipeline prints what it runs. */
function parseCommand(line: string): Omit<ShownCommand, "line"> | undefined {
  const match = upstream.exec(line) ?? own.exec(line);
  if (!match) return undefined;
  const before = line.slice(0, match.index);
  const [, options = "", verb = "", rest = ""] = match;
  if (/\busage:|\bsee ['"`]/i.test(before)) return undefined;
  // The runner of GitHub's actions prints words without quotes.
  const isBare = before.includes("[command]");
  const parsed = isBare ? { words: rest.trim().split(/\s+/), needsShell: false } : shellWords(rest);
  if (!parsed || parsed.words.every((word) => word.startsWith("-"))) return undefined;
  if (parsed.needsShell) return { text: `waybill ${verb}`, isExact: false, targets: [] };
  const words = [...parsed.words, ...builderIn(options)].map(quoted);
  return { text: ["waybill", verb, ...words].join(" "), isExact: true, targets: targetsIn(parsed.words) };
}

/** `--builder` stands before `imagetools` with buildx; Waybill takes it there and after its command. */
function builderIn(options: string): readonly string[] {
  const name = /--builder[= ]([\w.-]+)/.exec(options)?.[1];
  return name === undefined ? [] : ["--builder", name];
}

function targetsIn(words: readonly string[]): readonly string[] {
  return words.flatMap((word, at) => {
    if (word === "-t" || word === "--tag") return words[at + 1] ?? [];
    return /^(?:--tag=|-t=?)(.+)$/.exec(word)?.[1] ?? [];
  });
}
