import { evaluate } from "./evaluate.ts";
import type { Node } from "./nodes.ts";
import { sourceOf } from "./nodes.ts";
import { parse } from "./parser.ts";
import type { GoValue } from "./type.ts";

/** A parsed template of Go's `text/template`, as far as `parseTemplate` knows it. */
export interface Template {
  /** Runs it with `dot`. No newline is added. @throws WaybillError `invalid_template`, and what a lazy field of `dot` throws. */
  execute(dot: GoValue): string;
  /** Whether the template is nothing but `{{source}}`, with or without blanks around it. */
  isOnly(source: string): boolean;
}

/**
 * Reads a template: fields, variables, pipelines, `if`, `range`, `with`, `break`, `continue`, comments, trim markers, Go's
 * built-in functions without `call`, and `json`.
 *
 * @throws WaybillError `invalid_template`, in Go's words.
 */
export function parseTemplate(input: string): Template {
  const nodes = parse(input);
  return {
    execute: (dot) => evaluate(input, nodes, dot),
    isOnly: (source) => isOnly(nodes, source),
  };
}

function isOnly(nodes: readonly Node[], source: string): boolean {
  const [only, ...others] = nodes.filter((node) => node.kind !== "text" || node.text.trim() !== "");
  return others.length === 0 && only?.kind === "action" && sourceOf(only.pipe) === source;
}
