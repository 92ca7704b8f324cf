import { invalidTemplate } from "./fail.ts";
import { tokenize, type Token, type TokenKind } from "./lexer.ts";
import { firstOf, quote } from "./quote.ts";

/** The tokens of a template, read one after another, and the errors that can be said about them. */
export class Tokens {
  readonly #list: readonly Token[];
  #at = 0;
  #actionLine = 0;

  constructor(input: string) {
    this.#list = tokenize(input);
  }

  next(): Token {
    const token = this.peek();
    if (token.kind === "left") this.#actionLine = token.line;
    if (token.kind === "right") this.#actionLine = 0;
    this.#at++;
    return token;
  }

  peek(): Token {
    return this.#list[Math.min(this.#at, this.#list.length - 1)] ?? { kind: "eof", text: "", at: 0, line: 1 };
  }

  nextWord(): Token {
    this.#skipSpace();
    return this.next();
  }

  peekWord(): Token {
    this.#skipSpace();
    return this.peek();
  }

  /** Where we are, for `back`. */
  mark(): number {
    return this.#at;
  }

  back(mark: number): void {
    this.#at = mark;
  }

  expect(kind: TokenKind, context: string): Token {
    const token = this.nextWord();
    if (token.kind !== kind) throw this.unexpected(token, context);
    return token;
  }

  #skipSpace(): void {
    while (this.peek().kind === "space") this.#at++;
  }

  fail(message: string): Error {
    const token = this.#list[Math.max(0, Math.min(this.#at, this.#list.length) - 1)];
    return invalidTemplate(`template: :${token?.line ?? 1}: ${message}`);
  }

  unexpected(token: Token, context: string): Error {
    if (token.kind !== "error") return this.fail(`unexpected ${named(token)} in ${context}`);
    const started = ` in action started at :${this.#actionLine}`;
    const elsewhere = this.#actionLine !== 0 && this.#actionLine !== token.line;
    // "unclosed action started at", not "unclosed action in action started at".
    const where = token.text.endsWith(" action") ? started.slice(" in action".length) : started;
    return this.fail(token.text + (elsewhere ? where : ""));
  }
}

function named(token: Token): string {
  if (token.kind === "eof") return "EOF";
  if (token.kind === "keyword") return `<${token.text}>`;
  return token.text.length > 10 ? `${quote(firstOf(token.text, 10))}...` : quote(token.text);
}
