import { WaybillError } from "../errors.ts";

/** A string map from outside. Made without a prototype, so that a key such as `__proto__` is only a key. */
export type StringMap = Readonly<Record<string, string>>;

export interface JsonLimits {
  /** Default 4 MiB. */
  readonly maxBytes?: number;
  /** Nesting of arrays and objects; default 64. */
  readonly maxDepth?: number;
  /** What the document is, for the error's sentence; default "JSON". */
  readonly what?: string;
}

/**
 * Parses foreign JSON within limits that are checked before the parser runs. One pass, linear in the size.
 *
 * @throws WaybillError `too_large` beyond a limit; `invalid_manifest` where it is not UTF-8 or not JSON. No content is quoted.
 */
export function parseJson(input: Uint8Array | string, limits: JsonLimits = {}): unknown {
  const { maxBytes = 4 * 1024 * 1024, maxDepth = 64, what = "JSON" } = limits;
  const bytes = typeof input === "string" ? Buffer.from(input) : input;
  if (bytes.byteLength > maxBytes) {
    throw new WaybillError("too_large", `Cannot read ${what}: ${bytes.byteLength} bytes are more than ${maxBytes}`);
  }
  if (depthOf(bytes, maxDepth) > maxDepth) {
    throw new WaybillError("too_large", `Cannot read ${what}: nested deeper than ${maxDepth} levels`);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new WaybillError("invalid_manifest", `Cannot read ${what}: it is not valid JSON`);
  }
}

const quote = 0x22;
const backslash = 0x5c;

function depthOf(bytes: Uint8Array, giveUpAbove: number): number {
  const { length } = bytes;
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < length && deepest <= giveUpAbove; at++) {
    const byte = bytes[at];
    if (byte === quote) at = endOfString(bytes, at + 1);
    else if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return deepest;
}

/** Where the quote is that ends the string whose first byte is at `start`: most of a document is in strings, which need not be looked at byte by byte. */
function endOfString(bytes: Uint8Array, start: number): number {
  let end = bytes.indexOf(quote, start);
  while (end >= 0 && isEscaped(bytes, end)) end = bytes.indexOf(quote, end + 1);
  return end < 0 ? bytes.length : end;
}

/** Whether an odd number of backslashes stands before it. */
function isEscaped(bytes: Uint8Array, at: number): boolean {
  let before = at - 1;
  while (bytes[before] === backslash) before -= 1;
  return (at - before) % 2 === 0;
}

/**
 * True for an object whose members can be read in one way only. Go's decoder takes `Layers` for `layers` and ours does not,
 * so an object with such a spelling of one of `names` would be two things to two readers.
 */
export function isUnambiguous(raw: unknown, names: readonly string[]): raw is Record<string, unknown> {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return false;
  return Object.keys(raw).every((key) => names.includes(key) || !names.some((name) => isLookAlike(key, name)));
}

function isLookAlike(key: string, name: string): boolean {
  return key.length === name.length && folded(key) === folded(name);
}

/** Both ways, because Go takes the long s and the Kelvin sign for letters too. */
function folded(text: string): string {
  return text.toUpperCase().toLowerCase();
}

/** A copy of `entries` as an object without a prototype: what is not in it is `undefined`, whatever it is called. */
export function recordFrom<T>(entries: Iterable<readonly [string, T]>): Readonly<Record<string, T>> {
  const record = Object.create(null) as Record<string, T>;
  for (const [key, value] of entries) record[key] = value;
  return record;
}

/** The same for strings. */
export function stringMap(entries: Iterable<readonly [string, string]>): StringMap {
  return recordFrom(entries);
}

/**
 * JSON as Go's `encoding/json` writes it: `<`, `>`, `&` and the two line separators escaped, an indent per level where
 * asked for, empty arrays and objects closed at once. Objects without a prototype and `Map`s stand for Go maps and are
 * written in key order; other objects stand for structs and keep theirs. `undefined` members are left out.
 */
export function goJson(value: unknown, indent = ""): string {
  return write(value, indent, indent === "" ? "" : "\n");
}

function write(value: unknown, indent: string, newline: string): string {
  if (Array.isArray(value)) {
    const items = value.map((item) => write(item, indent, newline && newline + indent));
    return enclose("[]", items, newline, indent);
  }
  if (typeof value === "object" && value !== null) {
    const colon = indent === "" ? ":" : ": ";
    const members = membersOf(value).map(
      ([key, member]) => writeString(key) + colon + write(member, indent, newline && newline + indent),
    );
    return enclose("{}", members, newline, indent);
  }
  return typeof value === "string" ? writeString(value) : (JSON.stringify(value) ?? "null");
}

function enclose(brackets: "[]" | "{}", parts: readonly string[], newline: string, indent: string): string {
  if (parts.length === 0) return brackets;
  const inner = newline && newline + indent;
  return brackets[0] + inner + parts.join("," + inner) + newline + brackets[1];
}

function membersOf(value: object): [string, unknown][] {
  const isMap = value instanceof Map;
  const members: [string, unknown][] = isMap ? [...(value as Map<string, unknown>)] : Object.entries(value);
  if (isMap || Object.getPrototypeOf(value) === null) members.sort(([a], [b]) => compareBytes(a, b));
  return members.filter(([, member]) => member !== undefined);
}

/** Go orders strings by their UTF-8 bytes, JavaScript by UTF-16 units: they differ beyond the basic plane. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function writeString(text: string): string {
  const wellFormed = text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
  return JSON.stringify(wellFormed).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
