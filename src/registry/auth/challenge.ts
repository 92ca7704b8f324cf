/** One challenge of a `WWW-Authenticate` header. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** Names in lower case; the first of two with one name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** The challenge that we answer. */
export type ChosenChallenge =
  | {
      readonly scheme: "bearer";
      readonly realm: string;
      readonly service?: string;
      /** Scopes as the registry wrote them, parted by spaces. */
      readonly scope?: string;
      /** Such as `insufficient_scope` or `invalid_token`. */
      readonly error?: string;
    }
  | { readonly scheme: "basic" };

const maxLength = 16 * 1024;
const maxChallenges = 16;
const maxParameters = 32;

/**
 * Reads `WWW-Authenticate` values: several challenges in one value or in several, any letter case, quoted strings with
 * commas and escapes. Never throws: what it cannot read it steps over. Linear in the input; reads at most 16 KiB a value.
 *
 * Spec: RFC 9110, section 11.6.1.
 */
export function parseChallenges(values: readonly string[]): readonly Challenge[] {
  return values
    .slice(0, maxChallenges)
    .flatMap((value) => parseValue(value.slice(0, maxLength)))
    .slice(0, maxChallenges);
}

function parseValue(text: string): readonly Challenge[] {
  const scanner = scannerOf(text);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (;;) {
    scanner.take(/[\s,]+/y);
    if (scanner.atEnd()) return challenges;
    const name = scanner.take(/[!#$%&'*+\-.^_`|~A-Za-z0-9]+/y)?.toLowerCase();
    const current = challenges.at(-1);
    if (name === undefined) scanner.skipItem();
    else if (scanner.take(/\s*=\s*/y) === undefined) {
      challenges.push({ scheme: name, parameters: new Map() });
      scanner.take(/[ \t]+[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y); // A token68, such as Negotiate has: no parameter.
    } else {
      const value = scanner.quoted() ?? scanner.take(/[^\s,"]+/y) ?? "";
      if (current && !current.parameters.has(name) && current.parameters.size < maxParameters) {
        current.parameters.set(name, value);
      }
    }
  }
}

function scannerOf(text: string) {
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const quoted = (): string | undefined => {
    if (text[at] !== '"') return undefined;
    let value = "";
    for (at++; at < text.length && text[at] !== '"'; at++) {
      if (text[at] === "\\") at++;
      value += text[at] ?? "";
    }
    at++;
    return value;
  };
  const skipItem = (): void => {
    if (quoted() === undefined) at++;
  };
  return { take, quoted, skipItem, atEnd: () => at >= text.length };
}

/** The strongest challenge that we can answer: Bearer with a realm before Basic. */
export function chooseChallenge(values: readonly string[]): ChosenChallenge | undefined {
  const challenges = parseChallenges(values);
  const bearer = challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.get("realm"));
  if (!bearer) return challenges.some(({ scheme }) => scheme === "basic") ? { scheme: "basic" } : undefined;
  const { parameters } = bearer;
  const [service, scope, error] = ["service", "scope", "error"].map((name) => parameters.get(name));
  return {
    scheme: "bearer",
    realm: parameters.get("realm") ?? "",
    ...(service !== undefined && { service }),
    ...(scope !== undefined && { scope }),
    ...(error !== undefined && { error }),
  };
}
