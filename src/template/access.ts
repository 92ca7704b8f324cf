import { Failure } from "./fail.ts";
import { formatTime, timeUnix, type GoTime } from "./time.ts";
import { digestType, fieldAt, goInt, goString, int64Type, type GoValue, type StructValue } from "./type.ts";

/** Follows pointers and interfaces to what they hold; stops at the one that is nil. */
export function indirect(value: GoValue | undefined): { value: GoValue | undefined; isNil: boolean } {
  let inner = value;
  while (inner?.kind === "pointer" || inner?.kind === "interface") {
    if (inner.data === undefined) return { value: inner, isNil: true };
    inner = inner.data;
  }
  return { value: inner, isNil: false };
}

/** What an interface holds; any other value as it is. A nil interface holds nothing. */
export function unboxed(value: GoValue | undefined): GoValue | undefined {
  return value?.kind === "interface" ? value.data : value;
}

/** What counts as true: everything but false, 0, empty and nil. A struct always does. */
export function isTrue(value: GoValue | undefined): boolean {
  const inner = unboxed(value);
  switch (inner?.kind) {
    case "struct":
    case "time":
      return true;
    case "slice":
      return (inner.data?.length ?? 0) > 0;
    case "map":
      return (inner.data?.size ?? 0) > 0;
    default:
      return Boolean(inner?.data);
  }
}

/**
 * `receiver.name`, where `args` are the words that follow it: only methods take any. A missing key of a map is absent.
 *
 * @throws Failure in Go's words where there is no such field.
 */
export function access(
  receiver: GoValue | undefined,
  name: string,
  args: readonly (GoValue | undefined)[],
): GoValue | undefined {
  if (receiver === undefined) return undefined;
  const { value, isNil } = indirect(receiver);
  if (isNil && value?.kind === "interface") throw new Failure(`nil pointer evaluating ${receiver.type.name}.${name}`);
  if (value?.kind === "pointer") throw nilPointer(value, receiver, name);
  if (value?.kind === "struct") {
    const field = member(value, name);
    if (field) return checked(field, name, args);
  }
  if (value?.kind === "map") {
    if (args.length > 0) throw new Failure(`${name} is not a method but has arguments`);
    return value.data?.get(name);
  }
  if (value?.kind === "time" && Object.hasOwn(timeMethods, name)) return callTime(value.data, name, args);
  if (value?.kind === "string" && value.type.name === digestType.name && Object.hasOwn(digestMethods, name)) {
    if (args.length > 0) throw new Failure(`wrong number of args for ${name}: want 0 got ${args.length}`);
    return goString(digestMethods[name]?.(value.data) ?? "");
  }
  throw new Failure(`can't evaluate field ${name} in type ${receiver.type.name}`);
}

function nilPointer(pointer: GoValue, receiver: GoValue, name: string): Failure {
  const target = pointer.type.kind === "pointer" ? pointer.type.element : pointer.type;
  const known =
    target.kind !== "struct" || target.fields.some((field) => field.name === name || hasEmbedded(field.type, name));
  if (known) return new Failure(`nil pointer evaluating ${receiver.type.name}.${name}`);
  return new Failure(`can't evaluate field ${name} in type ${receiver.type.name}`);
}

function hasEmbedded(type: GoValue["type"], name: string): boolean {
  return type.kind === "struct" && type.fields.some((field) => field.name === name);
}

interface Member {
  readonly value: GoValue;
  readonly method: boolean;
}

function member(value: StructValue, name: string): Member | undefined {
  const { fields } = value.type;
  const at = fields.findIndex((field) => field.name === name);
  if (at >= 0) return { value: fieldAt(value, at), method: fields[at]?.method ?? false };
  for (const [at, field] of fields.entries()) {
    const inner = field.embedded ? fieldAt(value, at) : undefined;
    const promoted = inner?.kind === "struct" ? member(inner, name) : undefined;
    if (promoted) return promoted;
  }
  return undefined;
}

function checked(field: Member, name: string, args: readonly unknown[]): GoValue {
  if (args.length === 0) return field.value;
  if (field.method) throw new Failure(`wrong number of args for ${name}: want 0 got ${args.length}`);
  throw new Failure(`${name} has arguments but cannot be invoked as function`);
}

const digestMethods: Readonly<Record<string, (digest: string) => string>> = {
  String: (digest) => digest,
  Algorithm: (digest) => digest.slice(0, digest.indexOf(":")),
  Encoded: (digest) => digest.slice(digest.indexOf(":") + 1),
  Hex: (digest) => digest.slice(digest.indexOf(":") + 1),
};

const timeMethods: Readonly<Record<string, (time: GoTime, layout: string) => GoValue>> = {
  Format: (time, layout) => goString(formatTime(time, layout)),
  Unix: (time) => goInt(timeUnix(time), int64Type),
  Year: (time) => goInt(Number(time.date.slice(0, 4))),
  Day: (time) => goInt(Number(time.date.slice(8, 10))),
  String: (time) => goString(formatTime(time, "2006-01-02 15:04:05.999999999 -0700 MST")),
};

function callTime(time: GoTime, name: string, args: readonly (GoValue | undefined)[]): GoValue {
  const wanted = name === "Format" ? 1 : 0;
  if (args.length !== wanted) throw new Failure(`wrong number of args for ${name}: want ${wanted} got ${args.length}`);
  const layout = unboxed(args[0]);
  if (wanted === 1 && layout?.kind !== "string")
    throw new Failure(`wrong type for value; expected string; got ${layout?.type.name ?? "nil"}`);
  return timeMethods[name]?.(time, layout?.kind === "string" ? layout.data : "") ?? goString("");
}
