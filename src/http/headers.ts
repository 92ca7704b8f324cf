import type { HttpHeaders } from "./send.ts";

/** Headers from name and value pairs, as they come off the wire, or from a plain object. */
export function headersFrom(
  input: readonly string[] | Readonly<Record<string, string | readonly string[] | undefined>>,
): HttpHeaders {
  const pairs = isPairs(input) ? input : pairsOf(input);
  const fields: Fields = new Map();
  for (let at = 0; at + 1 < pairs.length; at += 2) add(fields, lowered(pairs[at] ?? ""), pairs[at + 1] ?? "");
  return new MappedHeaders(fields);
}

/** By name in lower case, in the order in which the names came. Few come more than once. */
type Fields = Map<string, string | string[]>;

function add(fields: Fields, name: string, value: string): void {
  const before = fields.get(name);
  if (before === undefined) fields.set(name, value);
  else if (typeof before === "string") fields.set(name, [before, value]);
  else before.push(value);
}

class MappedHeaders implements HttpHeaders {
  readonly #fields: Fields;

  constructor(fields: Fields) {
    this.#fields = fields;
  }

  get(name: string): string | undefined {
    const found = this.#fields.get(lowered(name));
    return typeof found === "object" ? found.join(", ") : found;
  }

  all(name: string): readonly string[] {
    const found = this.#fields.get(lowered(name));
    if (found === undefined) return none;
    return typeof found === "string" ? [found] : found;
  }

  names(): readonly string[] {
    return [...this.#fields.keys()];
  }
}

const none: readonly string[] = [];

/** Spellings that have come, and the one string that stands for each: such are compared at a glance. */
const spellings = new Map<string, string>();
const mostSpellings = 100;
const longestSpelling = 40;

function lowered(name: string): string {
  const known = spellings.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (spellings.size < mostSpellings && name.length <= longestSpelling) spellings.set(name, lower);
  return lower;
}

function pairsOf(input: Readonly<Record<string, string | readonly string[] | undefined>>): readonly string[] {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(input)) {
    for (const one of typeof value === "string" ? [value] : (value ?? [])) pairs.push(name, one);
  }
  return pairs;
}

function isPairs(input: Parameters<typeof headersFrom>[0]): input is readonly string[] {
  return Array.isArray(input);
}
