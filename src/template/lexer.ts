import { codePointName } from "./fail.ts";
import { quote } from "./quote.ts";

export type TokenKind =
  | "error"
  | "eof"
  | "text"
  | "left"
  | "right"
  | "space"
  | "field"
  | "variable"
  | "identifier"
  | "keyword"
  | "dot"
  | "nil"
  | "bool"
  | "number"
  | "char"
  | "string"
  | "raw"
  | "pipe"
  | "assign"
  | "declare"
  | "comma"
  | "open"
  | "close"
  | "other";

export interface Token {
  readonly kind: TokenKind;
  /** As written; for an error, the message. */
  readonly text: string;
  /** Where it begins, in UTF-16 units. */
  readonly at: number;
  /** Counted from 1. */
  readonly line: number;
}

const keywords: ReadonlySet<string> = new Set("block break continue define else end if range template with".split(" "));
const trimmed = /[ \t\r\n]/;
const wordCharacter = /[\p{L}\p{Nd}_]/u;
const afterWord = /[ \t\r\n.,|:)(]/;
const number =
  /^[-+]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][-+]?[0-9_]*)?|0[bBoO][0-9_]*|[0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9_]*)?)i?/;
const quotes: Readonly<Record<string, readonly [TokenKind, string]>> = {
  '"': ["string", "unterminated quoted string"],
  "'": ["char", "unterminated character constant"],
};
const simple: Readonly<Record<string, TokenKind>> = { "=": "assign", "|": "pipe", ",": "comma" };

/** Splits a template into tokens, in one pass. Ends with `eof`, or with the first `error`. */
export function tokenize(input: string): readonly Token[] {
  const lexer = new Lexer(input);
  for (let next = lexer.inText(); next !== "end"; next = lexer.inText()) {
    if (next === "action") while (lexer.inAction()) continue;
  }
  return lexer.tokens;
}

class Lexer {
  readonly tokens: Token[] = [];
  readonly #input: string;
  #at = 0;
  #line = 1;
  #parens = 0;

  constructor(input: string) {
    this.#input = input;
  }

  /** Reads up to and with the next opening delimiter or comment, and tells what follows. */
  inText(): "action" | "text" | "end" {
    const open = this.#input.indexOf("{{", this.#at);
    const end = open < 0 ? this.#input.length : open;
    const trims = open >= 0 && this.#input[open + 2] === "-" && trimmed.test(this.#input[open + 3] ?? "");
    const text = this.#input.slice(this.#at, trims ? this.#startOfBlanks(end) : end);
    if (text !== "") this.#push("text", text);
    this.#advance(end);
    if (open < 0) {
      this.#push("eof", "");
      return "end";
    }
    if (this.#input.startsWith("/*", open + (trims ? 4 : 2))) return this.#comment(open);
    this.#take("left", open + (trims ? 3 : 2));
    this.#parens = 0;
    return "action";
  }

  #startOfBlanks(end: number): number {
    let start = end;
    while (start > this.#at && trimmed.test(this.#input[start - 1] ?? "")) start--;
    return start;
  }

  #comment(open: number): "text" {
    const close = this.#input.indexOf("*/", open);
    if (close < 0) {
      this.#stop("unclosed comment");
      return "text";
    }
    this.#advance(close + 2);
    if (!this.#closing()) this.#stop("comment ends before closing delimiter");
    return "text";
  }

  /** Passes the closing delimiter, and the blanks that it trims; false where there is none. */
  #closing(): boolean {
    const trims = trimmed.test(this.#input[this.#at] ?? "") && this.#input.startsWith("-}}", this.#at + 1);
    if (!trims && !this.#input.startsWith("}}", this.#at)) return false;
    this.#advance(this.#at + (trims ? 4 : 2));
    if (trims) this.#advance(this.#endOf(trimmed, this.#at));
    return true;
  }

  /** Reads one token of an action; false when the action is over, or nothing more can be read. */
  inAction(): boolean {
    const at = this.#at;
    const input = this.#input;
    const char = String.fromCodePoint(input.codePointAt(at) ?? 0);
    if (at >= input.length) return this.#stop("unclosed action");
    if (this.#atClosing()) return this.#closeAction();
    if (trimmed.test(char)) return this.#space();
    if (input.startsWith(":=", at)) return this.#take("declare", at + 2);
    if (char === ":") return this.#stop("expected :=");
    const kind = Object.hasOwn(simple, char) ? simple[char] : undefined;
    if (kind) return this.#take(kind, at + 1);
    if (Object.hasOwn(quotes, char)) return this.#quoted(char);
    if (char === "`") return this.#raw();
    if (char === "$") return this.#word("variable", at + 1);
    if (char === "." && !/[0-9]/.test(input[at + 1] ?? "")) return this.#dot();
    if (/[-+0-9.]/.test(char)) return this.#number();
    if (char === "(" || char === ")") return this.#paren(char);
    if (wordCharacter.test(char)) return this.#word("identifier", at);
    if (char >= "!" && char <= "~") return this.#take("other", at + 1);
    return this.#stop(`unrecognized character in action: ${codePointName(char)}`);
  }

  #atClosing(): boolean {
    if (this.#input.startsWith("}}", this.#at)) return true;
    return trimmed.test(this.#input[this.#at] ?? "") && this.#input.startsWith("-}}", this.#at + 1);
  }

  #closeAction(): boolean {
    if (this.#parens > 0) return this.#stop("unclosed left paren");
    this.#push("right", "}}");
    this.#closing();
    return false;
  }

  #space(): boolean {
    let end = this.#endOf(trimmed, this.#at);
    // The last blank belongs to a trim marker that follows.
    if (this.#input.startsWith("-}}", end) && end - 1 > this.#at) end--;
    return this.#take("space", end);
  }

  #quoted(quote: string): boolean {
    const [kind, message] = quotes[quote] ?? ["string", ""];
    let end = this.#at + 1;
    while (end < this.#input.length && this.#input[end] !== quote && this.#input[end] !== "\n") {
      end += this.#input[end] === "\\" && this.#input[end + 1] !== "\n" ? 2 : 1;
    }
    return this.#input[end] === quote ? this.#take(kind, end + 1) : this.#stop(message);
  }

  #raw(): boolean {
    const end = this.#input.indexOf("`", this.#at + 1);
    return end < 0 ? this.#stop("unterminated raw quoted string") : this.#take("raw", end + 1);
  }

  #dot(): boolean {
    const next = String.fromCodePoint(this.#input.codePointAt(this.#at + 1) ?? 0);
    return wordCharacter.test(next) ? this.#word("field", this.#at + 1) : this.#endWord("dot", this.#at + 1);
  }

  #word(kind: TokenKind, start: number): boolean {
    const end = this.#endOf(wordCharacter, start);
    return this.#endWord(kind === "identifier" ? kindOfWord(this.#input.slice(start, end)) : kind, end);
  }

  #endWord(kind: TokenKind, end: number): boolean {
    const next = this.#input[end] ?? " ";
    const ends = afterWord.test(next) || this.#input.startsWith("}}", end);
    if (ends || kind === "dot") return this.#take(kind, end);
    return this.#stop(`bad character ${codePointName(String.fromCodePoint(this.#input.codePointAt(end) ?? 0))}`);
  }

  #number(): boolean {
    const match = number.exec(this.#input.slice(this.#at, this.#at + 256));
    const end = this.#at + (match?.[0].length ?? 0);
    const next = String.fromCodePoint(this.#input.codePointAt(end) ?? 0x20);
    if (match && end - this.#at < 250 && !wordCharacter.test(next)) return this.#take("number", end);
    return this.#stop(`bad number syntax: ${quote(this.#input.slice(this.#at, end) + next)}`);
  }

  #paren(char: string): boolean {
    this.#parens += char === "(" ? 1 : -1;
    if (this.#parens < 0) return this.#stop("unexpected right paren");
    return this.#take(char === "(" ? "open" : "close", this.#at + 1);
  }

  #endOf(characters: RegExp, start: number): number {
    let end = start;
    while (end < this.#input.length) {
      const char = String.fromCodePoint(this.#input.codePointAt(end) ?? 0);
      if (!characters.test(char)) break;
      end += char.length;
    }
    return end;
  }

  #take(kind: TokenKind, end: number): boolean {
    this.#push(kind, this.#input.slice(this.#at, end));
    this.#advance(end);
    return true;
  }

  #advance(end: number): void {
    for (; this.#at < end; this.#at++) if (this.#input[this.#at] === "\n") this.#line++;
  }

  #push(kind: TokenKind, text: string): void {
    this.tokens.push({ kind, text, at: this.#at, line: this.#line });
  }

  /** Ends an action with an error, and the input with it. */
  #stop(message: string): false {
    this.#push("error", message);
    this.#at = this.#input.length;
    return false;
  }
}

function kindOfWord(word: string): TokenKind {
  if (keywords.has(word)) return "keyword";
  if (word === "true" || word === "false") return "bool";
  return word === "nil" ? "nil" : "identifier";
}
