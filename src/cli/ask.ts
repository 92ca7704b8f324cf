import { WaybillError } from "../errors.ts";
import type { Host } from "./host.ts";

const longestAnswer = 64 * 1024;
// Of a word that nobody sees nobody knows where it begins: that key erases all, too.
const keys = {
  interrupt: "\u0003",
  endOfInput: "\u0004",
  eraseAll: "\u0015",
  eraseWord: "\u0017",
  eraseOne: "\u007F",
} as const;

type Terminal = Pick<Host, "stdin" | "stderr" | "signal">;

/** Whether somebody sits there who can be asked. */
export function canAsk({ stdin, stderr }: Pick<Host, "stdin" | "stderr">): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}

/** Asks on the terminal; true for `y` and `yes`. The end of the input, and anything else, is a no. */
export async function askYes(question: string, terminal: Terminal): Promise<boolean> {
  await using questions = openQuestions(terminal);
  return /^\s*y(?:es)?\s*$/i.test(await questions.ask(`${question} [y/N] `));
}

/** Questions to somebody at the terminal, one after the other. Whoever opens them closes them; standard input ends with that. */
export interface Questions extends AsyncDisposable {
  /** The line that is typed, without its end; what there is where the input ends before. */
  ask(question: string): Promise<string>;
  /**
   * The same, with nothing shown of what is typed.
   *
   * @throws WaybillError `cancelled` for Ctrl-C, which is no signal while nothing is shown.
   */
  askHidden(question: string): Promise<string>;
}

export function openQuestions({ stdin, stderr, signal }: Terminal): Questions {
  const typed = stdin[Symbol.asyncIterator]();
  const nextLine = lines(typed);
  const answerTo = (question: string) => {
    stderr.write(question);
    signal.throwIfAborted();
    return nextLine();
  };
  return {
    async ask(question) {
      let isEnded = false;
      try {
        const typedLine = await answerTo(question);
        isEnded = typedLine.isEnded;
        return typedLine.text;
      } finally {
        // What is told next begins a line: neither Ctrl-C nor Ctrl-D has ended this one.
        if (!isEnded) stderr.write("\n");
      }
    },
    async askHidden(question) {
      using _ = withoutEcho({ stdin, stderr });
      return edited((await answerTo(question)).text);
    },
    async [Symbol.asyncDispose]() {
      await typed.return?.();
    },
  };
}

/**
 * The terminal hands over each key as it is pressed, those that edit the line among them, until this is disposed of. The line
 * ends then: the key that ended it was not shown either.
 */
function withoutEcho({ stdin, stderr }: Pick<Host, "stdin" | "stderr">): Disposable {
  stdin.setRawMode?.(true);
  return {
    [Symbol.dispose]() {
      stdin.setRawMode?.(false);
      stderr.write("\n");
    },
  };
}

interface TypedLine {
  readonly text: string;
  /** By a key that ends a line, not with the input. */
  readonly isEnded: boolean;
}

/** What is typed, line by line: two answers may come in one piece, and one answer in several. */
function lines(typed: AsyncIterator<Uint8Array | string>): () => Promise<TypedLine> {
  const decoder = new TextDecoder();
  let text = "";
  const isOpen = async () => {
    const { value, done } = await typed.next();
    if (!done) text += typeof value === "string" ? value : decoder.decode(value, { stream: true });
    return !done;
  };
  return async () => {
    while (endOf(text) === text.length && text.length <= longestAnswer && (await isOpen()));
    const end = endOf(text);
    const line = text.slice(0, end);
    const key = text[end];
    text = text.slice(end + (text.startsWith("\r\n", end) ? 2 : 1));
    if (key === keys.interrupt) throw new WaybillError("cancelled", "Cancelled: got Ctrl-C");
    return { text: line, isEnded: key !== undefined };
  };
}

function endOf(text: string): number {
  const ends = ["\n", "\r", keys.interrupt, keys.endOfInput].map((key) => text.indexOf(key)).filter((at) => at >= 0);
  return Math.min(...ends, text.length);
}

/** `line` as a terminal would have made it, had it not been hidden. */
function edited(line: string): string {
  let kept: string[] = [];
  for (const key of line) {
    if (key === keys.eraseAll || key === keys.eraseWord) kept = [];
    else if (key === "\b" || key === keys.eraseOne) kept.pop();
    else kept.push(key);
  }
  return kept.join("");
}
