import { goJson } from "../spec/json.ts";
import { timeJson } from "./time.ts";
import { fieldAt, type GoValue, type ListValue, type StructValue } from "./type.ts";

/** `value` as Go's `json.MarshalIndent` with two spaces writes it. Absent and nil values are `null`. */
export function encode(value: GoValue | undefined): string {
  return goJson(plain(value), "  ");
}

function plain(value: GoValue | undefined): unknown {
  switch (value?.kind) {
    case "interface":
    case "pointer":
      return plain(value.data);
    case "slice":
      return plainList(value);
    case "map":
      return value.data ? new Map([...value.data].map(([key, member]) => [key, plain(member)])) : null;
    case "struct":
      return Object.fromEntries(membersOf(value));
    case "time":
      return timeJson(value.data);
    default:
      return value?.data ?? null;
  }
}

function plainList({ data }: ListValue): unknown {
  if (data === undefined) return null;
  if (data instanceof Uint8Array) return Buffer.from(data).toString("base64");
  return data.map(plain);
}

function membersOf(value: StructValue): [string, unknown][] {
  return value.type.fields.flatMap((field, at): [string, unknown][] => {
    if (field.method) return [];
    const member = fieldAt(value, at);
    if (field.embedded && member.kind === "struct") return membersOf(member);
    if (field.omitEmpty && isEmpty(member)) return [];
    return [[field.json ?? field.name, plain(member)]];
  });
}

/** What `omitempty` leaves out. A struct is never empty. */
function isEmpty(value: GoValue): boolean {
  if (value.kind === "struct" || value.kind === "time") return false;
  if (value.kind === "slice") return !value.data?.length;
  return value.kind === "map" ? !value.data?.size : !value.data;
}
