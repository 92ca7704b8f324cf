import { maxTemplateLength, invalidTemplate } from "./fail.ts";
import type { Block, Node } from "./nodes.ts";
import { Pipelines } from "./operands.ts";

/**
 * Reads a template of Go's `text/template`. `define`, `template` and `block` are refused: a `--format` is one template.
 *
 * @throws WaybillError `invalid_template`, in Go's words; also above 64 Ki characters or 200 levels of nesting.
 */
export function parse(input: string): readonly Node[] {
  if (input.length > maxTemplateLength) {
    throw invalidTemplate(`Cannot read template: ${input.length} characters are more than ${maxTemplateLength}`);
  }
  return new Parser(input).template();
}

/** What ends a list of nodes: `{{end}}`, or an `{{else}}` whose closing delimiter is read unless `if` or `with` follows. */
type Ending = "end" | "else";

class Parser extends Pipelines {
  #ranges = 0;

  template(): readonly Node[] {
    const { nodes, ending } = this.#nodes();
    if (ending) throw this.tokens.fail(`unexpected {{${ending}}}`);
    return nodes;
  }

  #nodes(): { nodes: Node[]; ending?: Ending } {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.tokens.next();
      if (token.kind === "eof") return { nodes };
      if (token.kind === "text") nodes.push({ kind: "text", at: token.at, text: token.text });
      else if (token.kind !== "left") throw this.tokens.unexpected(token, "input");
      else {
        const node = this.#action();
        if (node === "end" || node === "else") return { nodes, ending: node };
        nodes.push(node);
      }
    }
  }

  #action(): Node | Ending {
    const first = this.tokens.peekWord();
    if (first.kind === "keyword") return this.#keyword(this.tokens.next().text, first.at);
    // Its variables live on to the end of the block around it.
    const pipe = this.pipeline("command", "right");
    return { kind: "action", at: pipe.at, pipe };
  }

  #keyword(word: string, at: number): Node | Ending {
    switch (word) {
      case "if":
      case "with":
      case "range":
        return this.nested(() => this.#block(word));
      case "end":
        this.tokens.expect("right", "end");
        return "end";
      case "else":
        return this.#elseEnding();
      case "break":
      case "continue":
        return this.#leave(word, at);
      default:
        throw this.tokens.fail(`{{${word}}} is not supported: a format is one template without named parts`);
    }
  }

  #elseEnding(): Ending {
    const { text, kind } = this.tokens.peekWord();
    if (kind !== "keyword" || (text !== "if" && text !== "with")) this.tokens.expect("right", "else");
    return "else";
  }

  #leave(kind: "break" | "continue", at: number): Node {
    this.tokens.expect("right", `{{${kind}}}`);
    if (this.#ranges === 0) throw this.tokens.fail(`{{${kind}}} outside {{range}}`);
    return { kind, at };
  }

  #block(kind: "if" | "with" | "range"): Block {
    const known = this.variables.length;
    const pipe = this.pipeline(kind, "right");
    if (kind === "range") this.#ranges++;
    const { nodes: body, ending } = this.#nodes();
    if (kind === "range") this.#ranges--;
    if (!ending) throw this.tokens.fail("unexpected EOF");
    const otherwise = ending === "else" ? this.#otherwise(kind) : undefined;
    this.variables.length = known;
    return { kind, at: pipe.at, pipe, body, ...(otherwise && { otherwise }) };
  }

  #otherwise(kind: "if" | "with" | "range"): readonly Node[] {
    const next = this.tokens.peekWord();
    if (next.kind === "keyword" && (next.text === "if" || next.text === "with")) {
      this.tokens.next();
      if (next.text !== kind) throw this.tokens.unexpected(next, "input");
      return [this.nested(() => this.#block(kind))];
    }
    const { nodes, ending } = this.#nodes();
    if (!ending) throw this.tokens.fail("unexpected EOF");
    if (ending === "else") throw this.tokens.fail("expected end; found {{else}}");
    return nodes;
  }
}
