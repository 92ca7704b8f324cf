import { indirect, isTrue, unboxed } from "./access.ts";
import { isEqual, isEqualToAny, isLess } from "./compare.ts";
import { encode } from "./encode.ts";
import { escapeHtml, escapeJs, escapeQuery } from "./escape.ts";
import { Failure } from "./fail.ts";
import { print, printLine } from "./format-value.ts";
import { printf } from "./format.ts";
import { cutList, cutString } from "./slice.ts";
import { byteType, elementAt, elementOf, goBool, goInt, goString, lengthOf, zeroOf } from "./type.ts";
import type { GoValue } from "./type.ts";

export type Arg = GoValue | undefined;

/** A function of templates. `least` and `most` count its arguments; `and` and `or` are the evaluator's. */
interface TemplateFunction {
  readonly least: number;
  readonly most: number;
  readonly call: (args: readonly Arg[]) => Arg;
}

const many = Number.POSITIVE_INFINITY;
const functions: ReadonlyMap<string, TemplateFunction> = new Map(
  Object.entries<TemplateFunction>({
    and: { least: 1, most: many, call: ([first]) => first },
    or: { least: 1, most: many, call: ([first]) => first },
    not: { least: 1, most: 1, call: ([value]) => goBool(!isTrue(value)) },
    json: { least: 1, most: 1, call: ([value]) => goString(encode(value)) },
    len: { least: 1, most: 1, call: ([value]) => goInt(len(value)) },
    index: { least: 1, most: many, call: ([item, ...keys]) => keys.reduce(indexed, whole(item, "index")) },
    slice: { least: 1, most: many, call: ([item, ...bounds]) => slice(item, bounds) },
    eq: { least: 1, most: many, call: ([first, ...others]) => goBool(isEqualToAny(first, others)) },
    ne: { least: 2, most: 2, call: ([a, b]) => goBool(!isEqual(a, b)) },
    lt: { least: 2, most: 2, call: ([a, b]) => goBool(isLess(a, b)) },
    le: { least: 2, most: 2, call: ([a, b]) => goBool(isLess(a, b) || isEqual(a, b)) },
    gt: { least: 2, most: 2, call: ([a, b]) => goBool(!isLess(a, b) && !isEqual(a, b)) },
    ge: { least: 2, most: 2, call: ([a, b]) => goBool(!isLess(a, b)) },
    print: { least: 0, most: many, call: (args) => goString(print(args)) },
    println: { least: 0, most: many, call: (args) => goString(printLine(args)) },
    printf: { least: 1, most: many, call: ([format, ...args]) => goString(printf(textOf(format), args)) },
    html: { least: 0, most: many, call: (args) => goString(escapeHtml(print(args))) },
    js: { least: 0, most: many, call: (args) => goString(escapeJs(print(args))) },
    urlquery: { least: 0, most: many, call: (args) => goString(escapeQuery(print(args))) },
  }),
);

export function isFunction(name: string): boolean {
  return functions.has(name);
}

function named(name: string): TemplateFunction {
  const found = functions.get(name);
  if (!found) throw new Failure(`${JSON.stringify(name)} is not a defined function`);
  return found;
}

/** Calls the function `name` with as many arguments as it takes. @throws Failure for a wrong kind of arguments. */
export function call(name: string, args: readonly Arg[]): Arg {
  const called = named(name);
  try {
    return called.call(args);
  } catch (error) {
    if (error instanceof Failure && !(error instanceof ArgumentFailure)) throw new CallFailure(name, error.message);
    throw error;
  }
}

/** What a function says about its arguments, told apart from what is said about its call. */
export class CallFailure extends Failure {
  constructor(name: string, reason: string) {
    super(`error calling ${name}: ${reason}`);
  }
}

class ArgumentFailure extends Failure {}

/** @throws Failure where `name` cannot take `count` arguments. */
export function checkCount(name: string, count: number): void {
  const { least, most } = named(name);
  if (count >= least && count <= most) return;
  const want = most === many ? `at least ${least}` : String(least);
  throw new Failure(`wrong number of args for ${name}: want ${want} got ${count}`);
}

function textOf(value: Arg): string {
  const text = unboxed(value);
  if (text?.kind === "string" && text.type.name === "string") return text.data;
  if (text === undefined) throw new ArgumentFailure("invalid value; expected string");
  throw new ArgumentFailure(`wrong type for value; expected string; got ${text.type.name}`);
}

function len(item: Arg): number {
  const { value, isNil } = indirect(item);
  if (isNil) throw new Failure("len of nil pointer");
  switch (value?.kind) {
    case "string":
      return Buffer.byteLength(value.data);
    case "slice":
      return lengthOf(value);
    case "map":
      return value.data?.size ?? 0;
    default:
      throw new Failure(value ? `len of type ${value.type.name}` : "reflect: call of reflect.Value.Type on zero Value");
  }
}

function whole(item: Arg, verb: string): GoValue {
  const value = unboxed(item);
  if (value === undefined) throw new Failure(`${verb} of untyped nil`);
  return value;
}

function indexed(item: GoValue, key: Arg): GoValue {
  const { value, isNil } = indirect(item);
  if (isNil || value === undefined) throw new Failure("index of nil pointer");
  if (value.kind === "slice") return elementAt(value, position(key, lengthOf(value), "slice"));
  if (value.kind === "string") {
    const bytes = Buffer.from(value.data);
    return goInt(bytes[position(key, bytes.length, "string")] ?? 0, byteType);
  }
  if (value.kind === "map") return value.data?.get(mapKey(key)) ?? zeroOf(elementOf(value.type));
  throw new Failure(`can't index item of type ${value.type.name}`);
}

function position(key: Arg, length: number, what: string): number {
  const at = unboxed(key);
  if (at === undefined) throw new Failure("cannot index slice/array with nil");
  if (at.kind !== "int") throw new Failure(`cannot index slice/array with type ${at.type.name}`);
  if (at.data < 0 || at.data > length) throw new Failure(`index out of range: ${at.data}`);
  if (at.data === length) throw new Failure(`reflect: ${what} index out of range`);
  return at.data;
}

function mapKey(key: Arg): string {
  const name = unboxed(key);
  if (name === undefined) throw new Failure("value is nil; should be of type string");
  if (name.kind !== "string" || name.type.name !== "string")
    throw new Failure(`value has type ${name.type.name}; should be string`);
  return name.data;
}

function slice(item: Arg, bounds: readonly Arg[]): GoValue {
  const value = whole(item, "slice");
  if (bounds.length > 3) throw new Failure(`too many slice indexes: ${bounds.length}`);
  if (value.kind === "string") return cutString(value, bounds.map(unboxed));
  if (value.kind === "slice") return cutList(value, bounds.map(unboxed));
  throw new Failure(`can't slice item of type ${value.type.name}`);
}
