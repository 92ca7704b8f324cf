import type { Secret } from "./send.ts";

/** What stands where a secret was. */
const gone = "[redacted]";
/** No address or login needs as many; a server that gives more gets its words dropped. */
const mostForms = 128;
/** A long secret is found by its beginning: its whole length is looked at only there, so that no text makes the search slow. */
const knownByLength = 64;

/** `text` without any of `secrets`, plain or as addresses, JSON and Basic write them, for words that came from outside and may echo them. */
export function scrub(text: string, secrets: readonly Secret[]): string {
  return scrubber(secrets)(text);
}

/** `scrub` for several texts. Each is walked through once: what was put in is not looked at again. */
export function scrubber(secrets: readonly Secret[]): (text: string) => string {
  const forms = [...new Set(secrets.flatMap(formsOf))].toSorted((a, b) => b.length - a.length);
  if (forms.length === 0) return (text) => text;
  if (forms.length > mostForms) return () => gone;
  // Made where it is needed: most texts hold none, and a request's name is looked at with every answer.
  let beginnings: RegExp | undefined;
  return (text) => {
    if (!forms.some((form) => text.includes(form.slice(0, knownByLength)))) return text;
    return replaced(text, forms, (beginnings ??= beginningOf(forms)));
  };
}

/** A secret as texts may show it. */
function formsOf(secret: Secret): readonly string[] {
  const plain = secret.reveal();
  if (plain === "") return [];
  const inJson = JSON.stringify(plain).slice(1, -1);
  return [plain, encodeURIComponent(plain), inJson, Buffer.from(plain).toString("base64")];
}

/** Matches where any of `forms` begins. In this order a longer one is tried first, and those that begin alike are compiled into one. */
function beginningOf(forms: readonly string[]): RegExp {
  const beginnings = new Set(forms.map((form) => form.slice(0, knownByLength)));
  const literals = [...beginnings].toSorted().toReversed();
  return new RegExp(
    literals.map((literal) => literal.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)).join("|"),
    "g",
  );
}

function replaced(text: string, longestFirst: readonly string[], beginnings: RegExp): string {
  let safe = "";
  let end = 0;
  beginnings.lastIndex = 0;
  for (let found = beginnings.exec(text); found; found = beginnings.exec(text)) {
    const { index, 0: beginning } = found;
    const whole = longestFirst.find((form) => text.startsWith(form, index)) ?? "";
    safe += text.slice(end, index) + gone;
    end = index + Math.max(whole.length, beginning.length);
    beginnings.lastIndex = end;
  }
  return safe + text.slice(end);
}
