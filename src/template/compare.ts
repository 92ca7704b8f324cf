import { compareBytes } from "../spec/json.ts";
import { unboxed } from "./access.ts";
import { Failure } from "./fail.ts";
import type { GoValue } from "./type.ts";

type Arg = GoValue | undefined;

/** Go's `eq`: whether `first` equals one of `others`. @throws Failure where two cannot be compared. */
export function isEqualToAny(first: Arg, others: readonly Arg[]): boolean {
  if (others.length === 0) throw new Failure("missing argument for comparison");
  return others.some((other) => isEqual(first, other));
}

export function isEqual(first: Arg, second: Arg): boolean {
  const a = unboxed(first);
  const b = unboxed(second);
  if (a === undefined || b === undefined) return isNil(a) && isNil(b);
  if (isBasic(a) || isBasic(b)) {
    if (a.kind !== b.kind) throw incompatible(a, b);
    return a.data === b.data;
  }
  if (a.kind === "map" || a.kind === "slice" || b.kind === "map" || b.kind === "slice") {
    if (isNil(a) || isNil(b)) return isNil(a) && isNil(b);
    throw new Failure(`non-comparable type ${a.type.name}`);
  }
  return a.kind === "time" && b.kind === "time" ? JSON.stringify(a.data) === JSON.stringify(b.data) : a.data === b.data;
}

function isBasic(value: GoValue): value is GoValue & { readonly kind: "string" | "bool" | "int" | "float" } {
  return ["string", "bool", "int", "float"].includes(value.kind);
}

function isNil(value: Arg): boolean {
  return value === undefined || (!isBasic(value) && value.data === undefined);
}

function incompatible(a: GoValue, b: GoValue): Failure {
  return new Failure(`incompatible types for comparison: ${a.type.name} and ${b.type.name}`);
}

/** Go's `lt`. @throws Failure for kinds without an order, or two of different kinds. */
export function isLess(first: Arg, second: Arg): boolean {
  const a = unboxed(first);
  const b = unboxed(second);
  if (!a || !b || !isBasic(a) || !isBasic(b)) throw new Failure("invalid type for comparison");
  if (a.kind !== b.kind) throw new Failure("incompatible types for comparison");
  if (a.kind === "string" && b.kind === "string") return compareBytes(a.data, b.data) < 0;
  if (a.kind === "bool") throw new Failure("invalid type for comparison");
  return a.data < b.data;
}
