import type { HttpHeaders } from "./send.ts";

/** Headers from name and value pairs, as `rawHeaders` lists them or as a plain object. */
export function headersFrom(
  input: readonly string[] | Readonly<Record<string, string | readonly string[] | undefined>>,
): HttpHeaders {
  const values = new Map<string, string[]>();
  for (const [name, value] of pairsOf(input)) {
    const key = name.toLowerCase();
    const list = values.get(key);
    if (list) list.push(value);
    else values.set(key, [value]);
  }
  return {
    get: (name) => values.get(name.toLowerCase())?.join(", "),
    all: (name) => values.get(name.toLowerCase()) ?? [],
    names: () => [...values.keys()],
  };
}

function* pairsOf(input: Parameters<typeof headersFrom>[0]): Generator<[string, string]> {
  if (isPairs(input)) {
    for (let at = 0; at + 1 < input.length; at += 2) yield [input[at] ?? "", input[at + 1] ?? ""];
    return;
  }
  for (const [name, value] of Object.entries(input)) {
    if (typeof value === "string") yield [name, value];
    else if (value) for (const one of value) yield [name, one];
  }
}

function isPairs(input: Parameters<typeof headersFrom>[0]): input is readonly string[] {
  return Array.isArray(input);
}
