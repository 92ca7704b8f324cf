import type { HttpHeaders } from "./send.ts";

/** Headers from name and value pairs, as they come off the wire, or from a plain object. */
export function headersFrom(
  input: readonly string[] | Readonly<Record<string, string | readonly string[] | undefined>>,
): HttpHeaders {
  const pairs = isPairs(input) ? input : pairsOf(input);
  const fields: string[] = [];
  for (let at = 0; at + 1 < pairs.length; at += 2) fields.push(lowered(pairs[at] ?? ""), pairs[at + 1] ?? "");
  return new Fields(fields);
}

/** Names and values, one after the other, names in lower case. An answer has some ten: they are found by looking at each. */
class Fields implements HttpHeaders {
  readonly #fields: readonly string[];

  constructor(fields: readonly string[]) {
    this.#fields = fields;
  }

  get(name: string): string | undefined {
    const wanted = name.toLowerCase();
    const fields = this.#fields;
    let found: string | undefined;
    for (let at = 0; at < fields.length; at += 2) {
      if (fields[at] !== wanted) continue;
      const value = fields[at + 1] ?? "";
      found = found === undefined ? value : `${found}, ${value}`;
    }
    return found;
  }

  all(name: string): readonly string[] {
    const wanted = name.toLowerCase();
    const fields = this.#fields;
    const values: string[] = [];
    for (let at = 0; at < fields.length; at += 2) if (fields[at] === wanted) values.push(fields[at + 1] ?? "");
    return values;
  }

  names(): readonly string[] {
    const fields = this.#fields;
    const names: string[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at] ?? "";
      if (!names.includes(name)) names.push(name);
    }
    return names;
  }
}

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
