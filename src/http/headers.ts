import type { HttpHeaders } from "./send.ts";

/** Headers from name and value pairs, as they come off the wire, or from a plain object. */
export function headersFrom(
  input: readonly string[] | Readonly<Record<string, string | readonly string[] | undefined>>,
): HttpHeaders {
  const pairs = isPairs(input) ? input : pairsOf(input);
  const values = new Map<string, string | string[]>();
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const name = (pairs[at] ?? "").toLowerCase();
    const value = pairs[at + 1] ?? "";
    const before = values.get(name);
    if (before === undefined) values.set(name, value);
    else if (typeof before === "string") values.set(name, [before, value]);
    else before.push(value);
  }
  return {
    get(name) {
      const value = values.get(name.toLowerCase());
      return typeof value === "object" ? value.join(", ") : value;
    },
    all(name) {
      const value = values.get(name.toLowerCase()) ?? [];
      return typeof value === "string" ? [value] : value;
    },
    names: () => [...values.keys()],
  };
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
