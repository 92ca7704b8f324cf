import { WaybillError } from "../errors.ts";
import { parseTime } from "./time.ts";
import { anyListType, anyMapType, anyType, boxed, elementOf, floatType, goBool, goString, zeroOf } from "./type.ts";
import type { GoType, GoValue, StructType } from "./type.ts";

/**
 * A parsed JSON document as a Go value of `type`, as Go's `encoding/json` reads it: unknown members are dropped, `null`
 * changes nothing, member names match in any letter case.
 *
 * @throws WaybillError `invalid_manifest` where a member has another type; it names the member, never its value.
 */
export function decode(type: GoType, json: unknown, what: string): GoValue {
  return decodeAt(type, json, { what, path: "" });
}

interface Place {
  readonly what: string;
  readonly path: string;
}

function decodeAt(type: GoType, json: unknown, place: Place): GoValue {
  if (json === undefined || json === null) return zeroOf(type);
  switch (type.kind) {
    case "interface":
      return decodeAny(json);
    case "pointer":
      return { kind: "pointer", type, data: decodeAt(type.element, json, place) };
    case "slice":
      return decodeList(type, json, place);
    case "map":
      return {
        kind: "map",
        type,
        data: new Map(
          membersOf(json, place).map(([key, value]) => [key, decodeAt(type.element, value, within(place, key))]),
        ),
      };
    case "struct":
      return decodeStruct(type, json, place);
    default:
      return decodeScalar(type, json, place);
  }
}

function decodeScalar(type: GoType, json: unknown, place: Place): GoValue {
  if (type.kind === "string" && typeof json === "string") return { kind: "string", type, data: json };
  if (type.kind === "bool" && typeof json === "boolean") return { kind: "bool", type, data: json };
  if (type.kind === "float" && typeof json === "number") return { kind: "float", type, data: json };
  if (type.kind === "int" && Number.isSafeInteger(json)) return { kind: "int", type, data: json as number };
  const time = type.kind === "time" && typeof json === "string" ? parseTime(json) : undefined;
  if (time) return { kind: "time", type, data: time };
  throw mismatch(place);
}

function decodeList(type: GoType, json: unknown, place: Place): GoValue {
  const element = elementOf(type);
  if (element.name === "uint8" && typeof json === "string")
    return { kind: "slice", type, data: Buffer.from(json, "base64") };
  if (!Array.isArray(json)) throw mismatch(place);
  return { kind: "slice", type, data: json.map((item, at) => decodeAt(element, item, within(place, String(at)))) };
}

function decodeStruct(type: StructType, json: unknown, place: Place): GoValue {
  const members = membersOf(json, place);
  const exact = new Map(members);
  const folded = new Map(members.map(([key, value]) => [key.toLowerCase(), value]));
  const data = type.fields.map((field): GoValue => {
    if (field.embedded) return decodeAt(field.type, json, place);
    if (field.method) return zeroOf(field.type);
    const name = field.json ?? field.name;
    return decodeAt(field.type, exact.get(name) ?? folded.get(name.toLowerCase()), within(place, name));
  });
  return { kind: "struct", type, data };
}

function membersOf(json: unknown, place: Place): [string, unknown][] {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw mismatch(place);
  return Object.entries(json);
}

/** JSON without a type of its own, in an `interface {}`. */
export function decodeAny(json: unknown): GoValue {
  if (typeof json === "string") return boxed(goString(json));
  if (typeof json === "number") return boxed({ kind: "float", type: floatType, data: json });
  if (typeof json === "boolean") return boxed(goBool(json));
  if (Array.isArray(json)) return boxed({ kind: "slice", type: anyListType, data: json.map(decodeAny) });
  if (typeof json !== "object" || json === null) return zeroOf(anyType);
  return boxed({
    kind: "map",
    type: anyMapType,
    data: new Map(Object.entries(json).map(([key, value]) => [key, decodeAny(value)])),
  });
}

function within(place: Place, name: string): Place {
  return { what: place.what, path: place.path === "" ? name : `${place.path}.${name}` };
}

function mismatch({ what, path }: Place): WaybillError {
  const where = path === "" ? "it" : `"${path.slice(0, 100)}"`;
  return new WaybillError("invalid_manifest", `Cannot read ${what}: ${where} has the wrong type`);
}
