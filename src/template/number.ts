import { firstOf, quote, unquote } from "./quote.ts";

/** A constant as templates see it: an `int` where it can be one, a character's code, else a `float64`. */
export interface NumberConstant {
  readonly value: number;
  readonly type: "int" | "int32" | "float64";
}

const integer = /^[-+]?(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO]?(?:_?[0-7])+|0|[1-9](?:_?[0-9])*)$/;
const decimal =
  /^[-+]?(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][-+]?[0-9](?:_?[0-9])*)?$/;

/** The value of a number or character literal of Go, or the sentence that says what is wrong with it. */
export function readNumber(text: string): NumberConstant | string {
  if (text.startsWith("'")) return readCharacter(text);
  if (integer.test(text)) return readInteger(text);
  if (/^[-+]?0[xX].*[pP]/.test(text)) return `unsupported number ${quote(text)}: hexadecimal floating point`;
  if (/^[-+.0-9eE_]+i$/.test(text)) return `unsupported number ${quote(text)}: complex constants`;
  if (/^[-+]?0[0-9_]+$/.test(text)) return `integer overflow: ${quote(text)}`;
  if (!decimal.test(text)) return `bad number syntax: ${quote(text)}`;
  const value = Number(text.replaceAll("_", ""));
  return Number.isFinite(value) ? { value, type: "float64" } : `illegal number syntax: ${quote(text)}`;
}

function readInteger(text: string): NumberConstant | string {
  const digits = text.replace(/^[-+]/, "").replaceAll("_", "");
  const octal = /^0[0-7]+$/.test(digits);
  const value = (text.startsWith("-") ? -1 : 1) * Number(octal ? `0o${digits.slice(1)}` : digits);
  // Beyond this JavaScript's numbers have gaps; no size or count in an image comes near.
  return Number.isSafeInteger(value) ? { value: value + 0, type: "int" } : `integer overflow: ${quote(text)}`;
}

function readCharacter(text: string): NumberConstant | string {
  const char = unquote(text);
  if (char === undefined || char === "" || firstOf(char, 1) !== char) return `malformed character constant: ${text}`;
  return { value: char.codePointAt(0) ?? 0, type: "int32" };
}
