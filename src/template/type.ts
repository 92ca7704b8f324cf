import { compareBytes } from "../spec/json.ts";
import type { GoTime } from "./time.ts";

/** The Go types that templates see. Map keys are strings. A string type that is not called `string` has methods of its own. */
export type GoType =
  | {
      readonly kind: "string" | "bool" | "int" | "float" | "time" | "interface";
      readonly name: string;
    }
  | { readonly kind: "slice" | "map" | "pointer"; readonly name: string; readonly element: GoType }
  | StructType;

export interface StructType {
  readonly kind: "struct";
  readonly name: string;
  readonly fields: readonly GoField[];
}

export interface GoField {
  /** The name in Go, which templates use. */
  readonly name: string;
  /** The name in JSON; without one the Go name is used. */
  readonly json?: string;
  readonly omitEmpty?: boolean;
  /** An embedded struct: its fields are this struct's too, in templates and in JSON. */
  readonly embedded?: boolean;
  /** A method without arguments: templates reach it like a field, JSON and printing do not see it. */
  readonly method?: boolean;
  readonly type: GoType;
}

/** A Go value. Where `data` may be `undefined` that is Go's nil. An absent `GoValue` is what templates print as `<no value>`. */
export type GoValue =
  | { readonly kind: "string"; readonly type: GoType; readonly data: string }
  | { readonly kind: "bool"; readonly type: GoType; readonly data: boolean }
  | { readonly kind: "int" | "float"; readonly type: GoType; readonly data: number }
  | { readonly kind: "time"; readonly type: GoType; readonly data: GoTime }
  | { readonly kind: "interface" | "pointer"; readonly type: GoType; readonly data: GoValue | undefined }
  | ListValue
  | MapValue
  | StructValue;

export interface ListValue {
  readonly kind: "slice";
  readonly type: GoType;
  readonly data: readonly GoValue[] | Uint8Array | undefined;
}

export interface MapValue {
  readonly kind: "map";
  readonly type: GoType;
  readonly data: ReadonlyMap<string, GoValue> | undefined;
}

export interface StructValue {
  readonly kind: "struct";
  readonly type: StructType;
  /** In the order of the type's fields. A function is called each time the field is asked for. */
  readonly data: readonly (GoValue | (() => GoValue))[];
}

export const stringType: GoType = { kind: "string", name: "string" };
export const digestType: GoType = { kind: "string", name: "digest.Digest" };
export const boolType: GoType = { kind: "bool", name: "bool" };
export const intType: GoType = { kind: "int", name: "int" };
export const int64Type: GoType = { kind: "int", name: "int64" };
export const runeType: GoType = { kind: "int", name: "int32" };
export const byteType: GoType = { kind: "int", name: "uint8" };
export const floatType: GoType = { kind: "float", name: "float64" };
export const timeType: GoType = { kind: "time", name: "time.Time" };
export const anyType: GoType = { kind: "interface", name: "interface {}" };
export const bytesType: GoType = sliceOf(byteType);
export const anyListType: GoType = sliceOf(anyType);
export const anyMapType: GoType = mapOf(anyType);

export function sliceOf(element: GoType): GoType {
  return { kind: "slice", name: `[]${element.name}`, element };
}

export function mapOf(element: GoType): GoType {
  return { kind: "map", name: `map[string]${element.name}`, element };
}

export function pointerTo(element: GoType): GoType {
  return { kind: "pointer", name: `*${element.name}`, element };
}

/** A struct type; `fields` in declaration order, which is the order of printing and of JSON. */
export function struct(name: string, fields: readonly GoField[]): StructType {
  return { kind: "struct", name, fields };
}

export function goString(text: string, type: GoType = stringType): GoValue {
  return { kind: "string", type, data: text };
}

export function goInt(number: number, type: GoType = intType): GoValue {
  return { kind: "int", type, data: number };
}

export function goBool(truth: boolean): GoValue {
  return { kind: "bool", type: boolType, data: truth };
}

/** A struct from members by Go name; fields that are not given are zero. */
export function goStruct(type: StructType, members: Readonly<Record<string, GoValue | (() => GoValue)>>): StructValue {
  return { kind: "struct", type, data: type.fields.map((field) => members[field.name] ?? zeroOf(field.type)) };
}

export function pointTo(target: GoValue): GoValue {
  return { kind: "pointer", type: pointerTo(target.type), data: target };
}

/** `value` as the content of a variable of type `interface {}`. */
export function boxed(value: GoValue | undefined): GoValue {
  return { kind: "interface", type: anyType, data: value };
}

/** What a variable of `type` holds before anything is assigned. */
export function zeroOf(type: GoType): GoValue {
  switch (type.kind) {
    case "string":
      return { kind: "string", type, data: "" };
    case "bool":
      return { kind: "bool", type, data: false };
    case "int":
    case "float":
      return { kind: type.kind, type, data: 0 };
    case "time":
      return { kind: "time", type, data: { date: "0001-01-01", clock: "00:00:00", fraction: "", offset: "+00:00" } };
    case "struct":
      return { kind: "struct", type, data: type.fields.map((field) => zeroOf(field.type)) };
    default:
      return { kind: type.kind, type, data: undefined };
  }
}

/** The element type of a slice, map or pointer. */
export function elementOf(type: GoType): GoType {
  return "element" in type ? type.element : anyType;
}

export function fieldAt(value: StructValue, at: number): GoValue {
  const field = value.data[at];
  if (field === undefined) throw new RangeError(`${value.type.name} has no field ${at}`);
  return typeof field === "function" ? field() : field;
}

export function lengthOf(list: ListValue): number {
  return list.data?.length ?? 0;
}

export function elementAt(list: ListValue, at: number): GoValue {
  const element = list.data?.[at];
  if (element === undefined) throw new RangeError(`no element ${at}`);
  return typeof element === "number" ? goInt(element, byteType) : element;
}

/** The entries in the order in which Go's templates and `fmt` walk a map. */
export function sortedEntries(map: MapValue): [string, GoValue][] {
  return [...(map.data ?? [])].sort(([a], [b]) => compareBytes(a, b));
}
