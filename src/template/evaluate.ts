import type { WaybillError } from "../errors.ts";
import { access, indirect, isTrue } from "./access.ts";
import { Failure, invalidTemplate, maxSteps } from "./fail.ts";
import { formatValue } from "./format-value.ts";
import { call, CallFailure, checkCount } from "./functions.ts";
import { sourceOf, type Block, type Command, type Node, type Operand, type Pipe } from "./nodes.ts";
import { Budget, plainStyle } from "./style.ts";
import { elementAt, floatType, goBool, goInt, goString, intType, lengthOf, runeType, sortedEntries } from "./type.ts";
import type { GoValue } from "./type.ts";

type Value = GoValue | undefined;
/** What a list of nodes asks of the loop around it. */
type Leaving = "break" | "continue" | undefined;

/** Runs a parsed template over `root`, its dot. `input` is the template's source, for the places in errors. */
export function evaluate(input: string, nodes: readonly Node[], root: GoValue): string {
  return new Evaluation(input, root).run(nodes);
}

class Evaluation {
  readonly #input: string;
  readonly #variables: { name: string; value: Value }[];
  readonly #root: GoValue;
  readonly #output: string[] = [];
  readonly #budget = new Budget();
  /** What functions may still make, whether or not it is written in the end. */
  readonly #making = new Budget();
  #steps = 0;
  /** The node that an error is about: the one that was looked at last. */
  #current: Operand | Command | Node | undefined;

  constructor(input: string, root: GoValue) {
    this.#input = input;
    this.#root = root;
    this.#variables = [{ name: "$", value: root }];
  }

  run(nodes: readonly Node[]): string {
    try {
      this.#walk(nodes, this.#root);
      return this.#output.join("");
    } catch (error) {
      if (error instanceof Failure) throw this.#located(error.message);
      // Only the engine's own limits on strings and the stack throw these here.
      if (error instanceof RangeError) throw this.#located("output is too large");
      throw error;
    }
  }

  #located(message: string): WaybillError {
    const at = this.#current?.at ?? 0;
    const lineStart = this.#input.lastIndexOf("\n", at - 1) + 1;
    const line = this.#input.slice(0, at).split("\n").length;
    const column = Buffer.byteLength(this.#input.slice(lineStart, at));
    const node = this.#current;
    const source = node && isWord(node) ? sourceOf(node) : "";
    return invalidTemplate(`template: :${line}:${column}: executing "" at <${source}>: ${message}`);
  }

  #look(node: Operand | Command): void {
    this.#current = node;
    this.#countStep();
  }

  #countStep(): void {
    if (++this.#steps > maxSteps) throw new Failure(`more than ${maxSteps} steps`);
  }

  #walk(nodes: readonly Node[], dot: Value): Leaving {
    for (const node of nodes) {
      const leaving = this.#step(node, dot);
      if (leaving) return leaving;
    }
    return undefined;
  }

  #step(node: Node, dot: Value): Leaving {
    switch (node.kind) {
      case "text":
        this.#write(node.text);
        return undefined;
      case "action":
        this.#action(node.pipe, dot);
        return undefined;
      case "break":
      case "continue":
        return node.kind;
      default:
        return this.#block(node, dot);
    }
  }

  #write(text: string): void {
    this.#output.push(this.#budget.spend(text));
  }

  #action(pipe: Pipe, dot: Value): void {
    const value = this.#pipe(pipe, dot);
    if (pipe.variables.length > 0) return;
    this.#current = pipe;
    const shown = value?.kind === "pointer" ? indirect(value).value : value;
    this.#write(shown === undefined ? "<no value>" : formatValue(shown, "v", plainStyle(this.#budget)));
  }

  /** Runs a block; its variables end with it. */
  #block(node: Block, dot: Value): Leaving {
    const known = this.#variables.length;
    const leaving = node.kind === "range" ? this.#range(node, dot) : this.#choose(node, dot);
    this.#variables.length = known;
    return leaving;
  }

  #choose(node: Block, dot: Value): Leaving {
    const value = this.#pipe(node.pipe, dot);
    if (!isTrue(value)) return this.#walk(node.otherwise ?? [], dot);
    return this.#walk(node.body, node.kind === "with" ? value : dot);
  }

  #range(node: Block, dot: Value): Leaving {
    const list = indirect(this.#pipe(node.pipe, dot)).value;
    let empty = true;
    for (const [key, element] of iterate(list)) {
      empty = false;
      this.#countStep();
      const known = this.#variables.length;
      this.#assign(node.pipe, key, element);
      const leaving = this.#walk(node.body, element);
      this.#variables.length = known;
      if (leaving === "break") break;
    }
    return empty ? this.#walk(node.otherwise ?? [], dot) : undefined;
  }

  /** Gives a loop's variables their values: two are key and element, one is the element. */
  #assign({ variables, assigns }: Pipe, key: Value, element: Value): void {
    const values = variables.length > 1 ? [key, element] : [element];
    for (const [at, name] of variables.entries()) this.#set(name, values[at], assigns);
  }

  #set(name: string, value: Value, assigns: boolean): void {
    const known = assigns ? this.#variables.findLast((variable) => variable.name === name) : undefined;
    if (known) known.value = value;
    else this.#variables.push({ name, value });
  }

  #pipe(pipe: Pipe, dot: Value): Value {
    this.#look(pipe);
    let value: Value;
    for (const [at, command] of pipe.commands.entries()) {
      value = this.#command(command, dot, at === 0 ? [] : [value]);
      if (value?.kind === "interface") value = value.data;
    }
    for (const name of pipe.variables) this.#set(name, value, pipe.assigns);
    return value;
  }

  /** `last` is the result of the command before in the pipeline, where there is one. */
  #command(command: Command, dot: Value, last: readonly Value[]): Value {
    const [first, ...words] = command.words;
    switch (first.kind) {
      case "field":
      case "variable":
      case "chain":
        return this.#path(first, dot, { words, last });
      case "function":
        return this.#call(first.name, dot, { words, last, node: command, at: first });
      default:
        return this.#fixed(first, dot, words.length + last.length);
    }
  }

  #fixed(word: Operand, dot: Value, args: number): Value {
    if (word.kind !== "pipe") this.#look(word);
    if (args > 0)
      throw new Failure(`can't give argument to non-function ${isPipe(word) ? `(${sourceOf(word)})` : sourceOf(word)}`);
    if (word.kind === "nil") throw new Failure("nil is not a command");
    return this.#word(word, dot);
  }

  #word(word: Operand, dot: Value): Value {
    if (word.kind !== "pipe") this.#look(word);
    switch (word.kind) {
      case "dot":
        return dot;
      case "nil":
        return undefined;
      case "bool":
        return goBool(word.value);
      case "string":
        return goString(word.value);
      case "number":
        return numberValue(word);
      case "pipe":
        return this.#pipe(word, dot);
      case "function":
        return this.#call(word.name, dot, { words: [], last: [], node: word, at: word });
      default:
        return this.#path(word, dot, { words: [], last: [] });
    }
  }

  /** A field, a variable or a parenthesis, and the names that follow it; arguments go to the last. */
  #path(node: PathNode, dot: Value, { words, last }: Args): Value {
    this.#look(node);
    if (node.path.length === 0 && words.length + last.length > 0) {
      throw new Failure(`can't give argument to non-function ${sourceOf(node)}`);
    }
    let value = this.#start(node, dot);
    for (const name of node.path.slice(0, -1)) value = access(value, name, []);
    const name = node.path.at(-1);
    if (name === undefined) return value;
    const args = words.map((word) => this.#word(word, dot));
    if (words.length > 0) this.#current = node;
    return access(value, name, [...args, ...last]);
  }

  #start(node: PathNode, dot: Value): Value {
    if (node.kind === "field") return dot;
    if (node.kind === "chain") return this.#word(node.of, dot);
    return this.#variables.findLast((variable) => variable.name === node.name)?.value;
  }

  #call(name: string, dot: Value, { words, last, node, at }: Call): Value {
    this.#look(at);
    if (name === "and" || name === "or") return this.#shortCircuit(name, dot, { words, last });
    checkCount(name, words.length + last.length);
    const args = words.map((word) => this.#word(word, dot));
    try {
      const made = call(name, [...args, ...last]);
      if (made?.kind === "string") this.#making.spend(made.data);
      return made;
    } catch (error) {
      if (error instanceof CallFailure) this.#current = node;
      throw error;
    }
  }

  /** `and` and `or` stop at the argument that settles them. */
  #shortCircuit(name: "and" | "or", dot: Value, { words, last }: Args): Value {
    checkCount(name, words.length + last.length);
    let value: Value;
    for (const word of words) {
      value = this.#word(word, dot);
      if (isTrue(value) === (name === "or")) return value;
    }
    return last.length > 0 ? last[0] : value;
  }
}

type PathNode = Operand & { readonly kind: "field" | "variable" | "chain" };

interface Args {
  readonly words: readonly Operand[];
  readonly last: readonly Value[];
}

interface Call extends Args {
  /** What an error inside the function is about. */
  readonly node: Operand | Command;
  readonly at: Operand;
}

function isPipe(word: Operand): word is Pipe {
  return word.kind === "pipe";
}

function isWord(node: Operand | Command | Node): node is Operand | Command {
  return !["text", "action", "if", "with", "range", "break", "continue"].includes(node.kind);
}

function numberValue(word: Operand & { readonly kind: "number" }): GoValue {
  if (word.type === "float64") return { kind: "float", type: floatType, data: word.value };
  return goInt(word.value, word.type === "int32" ? runeType : intType);
}

/** Keys and elements of what a range goes over. @throws Failure where it cannot. */
function* iterate(list: Value): Iterable<[Value, Value]> {
  switch (list?.kind) {
    case "slice":
      for (let at = 0; at < lengthOf(list); at++) yield [goInt(at), elementAt(list, at)];
      return;
    case "map":
      for (const [key, element] of sortedEntries(list)) yield [goString(key), element];
      return;
    case "int":
      for (let at = 0; at < list.data; at++) yield [goInt(at, list.type), goInt(at, list.type)];
      return;
    default:
      if (list) throw new Failure(`range can't iterate over ${shown(list)}`);
  }
}

function shown(value: GoValue): string {
  const text = formatValue(value, "v", plainStyle(new Budget()));
  return text.length > 4000 ? `${text.slice(0, 4000)}...` : text;
}
