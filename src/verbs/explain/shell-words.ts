/** A command line as a shell would read it, up to the first operator. */
export interface Words {
  readonly words: readonly string[];
  /** True where the shell would have put something else in place of a part: `$NAME`, `$(…)`, backquotes, patterns, `~`. */
  readonly needsShell: boolean;
}

const operators = new Set(["|", ";", "&", "<", ">", "\n"]);

/**
 * Splits `text` into words: quotes and backslashes as in a POSIX shell. Stops at a pipe, a redirection, `;` or `&`.
 *
 * @returns `undefined` where a quote is not closed.
 */
export function shellWords(text: string): Words | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let needsShell = false;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (quote !== "'" && expands(char, quote)) needsShell = true;
    if (quote !== "'" && char === "\\") word = (word ?? "") + (text[++at] ?? "");
    else if (char === quote) quote = "";
    else if (quote === "" && (char === "'" || char === '"')) [quote, word] = [char, word ?? ""];
    else if (quote === "" && operators.has(char)) return { words: withoutDescriptor(words, word), needsShell };
    else if (quote === "" && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== "") return undefined;
  return { words: word === undefined ? words : [...words, word], needsShell };
}

function expands(char: string, quote: string): boolean {
  return quote === "" ? "$`*?{~".includes(char) : "$`".includes(char);
}

/** The `2` of `2>&1` is no word. */
function withoutDescriptor(words: readonly string[], last: string | undefined): readonly string[] {
  return last === undefined || /^\d$/.test(last) ? words : [...words, last];
}

/** `word` as it is typed into a POSIX shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
