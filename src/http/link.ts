/**
 * The target of the first `Link` with `rel="next"`, as it was written (relative or absolute); `undefined` where there is none.
 *
 * Linear in the length of its input, and lenient: a broken link is passed over. `values` are the header's values, each of
 * which may hold several links.
 * Spec: RFC 8288, section 3.
 */
export function nextLink(values: readonly string[]): string | undefined {
  for (const value of values) {
    for (const link of linksOf(value)) if (hasRelNext(link.parameters)) return link.target;
  }
  return undefined;
}

interface Link {
  readonly target: string;
  readonly parameters: readonly string[];
}

function* linksOf(value: string): Generator<Link> {
  let at = 0;
  while (at < value.length) {
    const open = value.indexOf("<", at);
    if (open < 0) return;
    const close = value.indexOf(">", open);
    if (close < 0) return;
    const { parts, end } = splitParameters(value, close + 1);
    yield { target: value.slice(open + 1, close).trim(), parameters: parts };
    at = end;
  }
}

/** What stands between semicolons up to the comma that ends the link; quotes hide both. */
function splitParameters(value: string, from: number): { parts: string[]; end: number } {
  const parts: string[] = [];
  let begin = from;
  let quoted = false;
  let at = from;
  for (; at < value.length; at += 1) {
    const char = value[at];
    if (quoted && char === "\\") at += 1;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && char === ",") break;
    else if (!quoted && char === ";") {
      parts.push(value.slice(begin, at));
      begin = at + 1;
    }
  }
  parts.push(value.slice(begin, at));
  return { parts, end: at + 1 };
}

function hasRelNext(parameters: readonly string[]): boolean {
  const first = parameters.find((parameter) => nameOf(parameter) === "rel");
  if (first === undefined) return false;
  const value = first.slice(first.indexOf("=") + 1).replaceAll('"', "");
  return value
    .toLowerCase()
    .split(/[ \t]+/)
    .includes("next");
}

function nameOf(parameter: string): string {
  const equals = parameter.indexOf("=");
  return (equals < 0 ? parameter : parameter.slice(0, equals)).trim().toLowerCase();
}
