import { maxDepth } from "./fail.ts";
import { isFunction } from "./functions.ts";
import type { Token } from "./lexer.ts";
import type { Command, Operand, Pipe } from "./nodes.ts";
import { readNumber } from "./number.ts";
import { quote, unquote } from "./quote.ts";
import { Tokens } from "./tokens.ts";

/** Reads pipelines: the part of the grammar between the delimiters. */
export class Pipelines {
  readonly tokens: Tokens;
  /** The variables that are known here, innermost last. */
  protected variables: string[] = ["$"];
  #depth = 0;

  constructor(input: string) {
    this.tokens = new Tokens(input);
  }

  /** Reads up to and with the token `end`. `context` names the construct in errors. */
  protected pipeline(context: string, end: "right" | "close"): Pipe {
    const at = this.tokens.peekWord().at;
    const { variables, assigns } = this.#declarations(context);
    const commands: Command[] = [];
    while (this.tokens.peekWord().kind !== end) commands.push(this.#command(context));
    this.tokens.next();
    this.#check(commands, context);
    return { kind: "pipe", at, variables, assigns, commands };
  }

  #declarations(context: string): { variables: string[]; assigns: boolean } {
    const names: string[] = [];
    for (;;) {
      const mark = this.tokens.mark();
      const name = this.tokens.peekWord();
      if (name.kind !== "variable") return { variables: names, assigns: false };
      this.tokens.next();
      const follows = this.tokens.peekWord().kind;
      if (follows !== "assign" && follows !== "declare" && follows !== "comma") {
        this.tokens.back(mark);
        return { variables: names, assigns: false };
      }
      this.tokens.next();
      names.push(name.text);
      this.variables.push(name.text);
      if (follows !== "comma") return { variables: names, assigns: follows === "assign" };
      this.#checkComma(context, names.length);
    }
  }

  #checkComma(context: string, count: number): void {
    if (context !== "range" || count > 1) throw this.tokens.fail(`too many declarations in ${context}`);
    const { kind } = this.tokens.peekWord();
    if (kind !== "variable" && kind !== "right" && kind !== "close")
      throw this.tokens.fail("range can only initialize variables");
  }

  #check(commands: readonly Command[], context: string): void {
    if (commands.length === 0) throw this.tokens.fail(`missing value for ${context}`);
    const fixed = commands.findIndex((command, at) => at > 0 && isConstant(command.words[0]));
    if (fixed > 0) throw this.tokens.fail(`non executable command in pipeline stage ${fixed + 1}`);
  }

  #command(context: string): Command {
    const first = this.tokens.peekWord();
    const words: Operand[] = [];
    for (;;) {
      this.tokens.peekWord();
      const word = this.#operand();
      if (word) words.push(word);
      else if (words.length === 0) throw this.#unexpectedStart(context);
      const { kind } = this.tokens.peek();
      if (kind === "space") continue;
      if (kind === "right" || kind === "close") break;
      const token = this.tokens.next();
      if (kind === "pipe") break;
      throw this.tokens.unexpected(token, "operand");
    }
    const [head, ...rest] = words;
    if (!head) throw this.tokens.fail("empty command");
    return { kind: "command", at: first.at, words: [head, ...rest] };
  }

  #unexpectedStart(context: string): Error {
    return this.tokens.unexpected(this.tokens.next(), context);
  }

  /** A term and the fields behind it; `undefined` where no term begins. */
  #operand(): Operand | undefined {
    const term = this.#term();
    const first = this.tokens.peek();
    if (!term || first.kind !== "field") return term;
    const path: string[] = [];
    while (this.tokens.peek().kind === "field") path.push(this.tokens.next().text.slice(1));
    if (term.kind === "field") return { kind: "field", at: first.at, path: [...term.path, ...path] };
    if (term.kind === "variable") return { ...term, at: first.at, path };
    if (term.kind === "pipe" || term.kind === "function") return { kind: "chain", at: first.at, of: term, path };
    const source =
      "text" in term ? term.text : term.kind === "bool" ? String(term.value) : term.kind === "dot" ? "." : "nil";
    throw this.tokens.fail(`unexpected . after term ${quote(source)}`);
  }

  #term(): Operand | undefined {
    const token = this.tokens.peekWord();
    const { at } = token;
    switch (token.kind) {
      case "dot":
      case "nil":
        this.tokens.next();
        return { kind: token.kind, at };
      case "bool":
        this.tokens.next();
        return { kind: "bool", at, value: token.text === "true" };
      case "field":
        this.tokens.next();
        return { kind: "field", at, path: [token.text.slice(1)] };
      case "open":
        return this.#parenthesis();
      case "identifier":
      case "variable":
        return this.#name(this.tokens.next());
      case "number":
      case "char":
      case "string":
      case "raw":
        return this.#constant(this.tokens.next());
      default:
        return undefined;
    }
  }

  #parenthesis(): Operand {
    this.tokens.next();
    return this.nested(() => this.pipeline("parenthesized pipeline", "close"));
  }

  /** Runs `read` one level deeper. */
  protected nested<T>(read: () => T): T {
    if (++this.#depth > maxDepth) throw this.tokens.fail(`nested deeper than ${maxDepth} levels`);
    const result = read();
    this.#depth--;
    return result;
  }

  #name({ kind, text, at }: Token): Operand {
    if (kind === "variable") {
      if (!this.variables.includes(text)) throw this.tokens.fail(`undefined variable ${quote(text)}`);
      return { kind: "variable", at, name: text, path: [] };
    }
    if (!isFunction(text)) throw this.tokens.fail(`function ${quote(text)} not defined`);
    return { kind: "function", at, name: text };
  }

  #constant({ kind, text, at }: Token): Operand {
    if (kind === "string" || kind === "raw") {
      const value = unquote(text);
      if (value === undefined) throw this.tokens.fail("invalid syntax");
      return { kind: "string", at, text, value };
    }
    const number = readNumber(text);
    if (typeof number === "string") throw this.tokens.fail(number);
    return { kind: "number", at, text, ...number };
  }
}

function isConstant(word: Operand): boolean {
  return ["bool", "dot", "nil", "number", "string"].includes(word.kind);
}
