import { WaybillError } from "../errors.ts";

/** The longest template, in characters. */
export const maxTemplateLength = 64 * 1024;
/** The deepest nesting of parentheses and blocks. */
export const maxDepth = 200;
/** The most text that a template may write, and the most that its functions may make, in characters. */
export const maxOutputLength = 64 * 1024 * 1024;
/** The most steps that a template may take: data from outside decide how often a loop runs. */
export const maxSteps = 5_000_000;

/** An error in Go's words, ready to be thrown. */
export function invalidTemplate(message: string): WaybillError {
  return new WaybillError("invalid_template", message);
}

/** What went wrong inside a function or an access, before it is known where in the template that was. */
export class Failure extends Error {}

/** `U+003F '?'`, as Go's `%#U` writes a character. */
export function codePointName(char: string): string {
  const code = char.codePointAt(0) ?? 0xfffd;
  const printable = /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char);
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}${printable ? ` '${char}'` : ""}`;
}
