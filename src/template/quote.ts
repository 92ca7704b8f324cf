const short: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
  "'": 39,
  '"': 34,
};
const escape = /^\\(?:([abfnrtv\\'"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/;

/**
 * What a Go string or character literal stands for; the quotes are those around `literal`. Bytes that are not UTF-8 in
 * the end become U+FFFD. `undefined` where an escape is not Go's.
 */
export function unquote(literal: string): string | undefined {
  const quote = literal.charAt(0);
  const inner = literal.slice(1, -1);
  if (quote === "`") return inner.replaceAll("\r", "");
  const parts: Uint8Array[] = [];
  for (let at = 0; at < inner.length;) {
    const next = inner.indexOf("\\", at);
    const end = next < 0 ? inner.length : next;
    parts.push(Buffer.from(inner.slice(at, end)));
    at = end;
    if (next < 0) continue;
    const match = escape.exec(inner.slice(at, at + 10));
    const bytes = match && bytesOf(match, quote);
    if (!match || !bytes) return undefined;
    parts.push(bytes);
    at += match[0].length;
  }
  return Buffer.concat(parts).toString();
}

function bytesOf(match: RegExpExecArray, quote: string): Uint8Array | undefined {
  const [, letter, hex, short16, long32, octal] = match;
  if (letter !== undefined) return isOtherQuote(letter, quote) ? undefined : Uint8Array.of(short[letter] ?? 0);
  if (hex !== undefined)
    return quote === "'" ? fromCode(Number.parseInt(hex, 16)) : Uint8Array.of(Number.parseInt(hex, 16));
  if (octal !== undefined) {
    const code = Number.parseInt(octal, 8);
    return code > 255 ? undefined : quote === "'" ? fromCode(code) : Uint8Array.of(code);
  }
  return fromCode(Number.parseInt(short16 ?? long32 ?? "", 16));
}

function isOtherQuote(letter: string, quote: string): boolean {
  return (letter === "'" || letter === '"') && letter !== quote;
}

function fromCode(code: number): Uint8Array | undefined {
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  return Buffer.from(String.fromCodePoint(code));
}

/** The first `count` characters. */
export function firstOf(text: string, count: number): string {
  return Array.from(text.slice(0, count * 2))
    .slice(0, count)
    .join("");
}

const letters: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
};

/** `text` as Go's `strconv.Quote` writes it, or with `mark` `'` as a character; `ascii` escapes all beyond ASCII. */
export function quote(text: string, mark = '"', ascii = false): string {
  let quoted = mark;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (char === mark) quoted += `\\${char}`;
    else if (Object.hasOwn(letters, char)) quoted += letters[char] ?? "";
    else if (code < 0x80 ? code >= 0x20 && code < 0x7f : !ascii && isPrintable(char)) quoted += char;
    else quoted += escapeOf(code);
  }
  return quoted + mark;
}

function isPrintable(char: string): boolean {
  return /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(char);
}

function escapeOf(code: number): string {
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}
