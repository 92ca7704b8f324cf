/** Where a node begins in the template, in UTF-16 units. */
interface Placed {
  readonly at: number;
}

/** Something that can stand as a word of a command. */
export type Operand =
  | (Placed & { readonly kind: "dot" | "nil" })
  | (Placed & { readonly kind: "bool"; readonly value: boolean })
  | (Placed & {
      readonly kind: "number";
      readonly text: string;
      readonly value: number;
      readonly type: "int" | "int32" | "float64";
    })
  | (Placed & { readonly kind: "string"; readonly text: string; readonly value: string })
  | (Placed & { readonly kind: "field"; readonly path: readonly string[] })
  | (Placed & { readonly kind: "variable"; readonly name: string; readonly path: readonly string[] })
  | (Placed & { readonly kind: "function"; readonly name: string })
  | (Placed & { readonly kind: "chain"; readonly of: Operand; readonly path: readonly string[] })
  | Pipe;

export interface Command extends Placed {
  readonly kind: "command";
  /** At least one. */
  readonly words: readonly [Operand, ...Operand[]];
}

export interface Pipe extends Placed {
  readonly kind: "pipe";
  /** Variables with their `$`; two only in a range. */
  readonly variables: readonly string[];
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

export interface Block extends Placed {
  readonly kind: "if" | "with" | "range";
  readonly pipe: Pipe;
  readonly body: readonly Node[];
  readonly otherwise?: readonly Node[];
}

export type Node =
  | (Placed & { readonly kind: "text"; readonly text: string })
  | (Placed & { readonly kind: "action"; readonly pipe: Pipe })
  | (Placed & { readonly kind: "break" | "continue" })
  | Block;

/** The source of a node, in Go's normal form: what errors quote. */
export function sourceOf(node: Operand | Command): string {
  switch (node.kind) {
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "bool":
      return String(node.value);
    case "number":
    case "string":
      return node.text;
    case "field":
      return pathSource(node.path);
    case "variable":
      return node.name + pathSource(node.path);
    case "function":
      return node.name;
    case "chain":
      return wordSource(node.of) + pathSource(node.path);
    case "command":
      return node.words.map(wordSource).join(" ");
    default:
      return declarations(node) + node.commands.map(sourceOf).join(" | ");
  }
}

function declarations(pipe: Pipe): string {
  if (pipe.variables.length === 0) return "";
  return `${pipe.variables.join(", ")} ${pipe.assigns ? "=" : ":="} `;
}

function wordSource(word: Operand): string {
  return word.kind === "pipe" ? `(${sourceOf(word)})` : sourceOf(word);
}

function pathSource(path: readonly string[]): string {
  return path.map((name) => `.${name}`).join("");
}
