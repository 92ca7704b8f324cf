import type { Failure } from "./failure.ts";
import type { Line } from "./lines.ts";

/** A place in a log. */
export interface Place {
  readonly line: number;
  /** The whole line, as foreign as the log. */
  readonly text: string;
  /** Where in `text` the sign is, in characters. */
  readonly at: number;
  readonly length: number;
}

/** Parts in lower case that follow each other on a line. */
export type Sign = readonly string[];

/** A failure that is ready to be looked for. */
export interface Compiled {
  readonly failure: Failure;
  readonly signs: readonly Sign[];
  readonly frames: readonly Sign[];
}

export function compile(failure: Failure): Compiled {
  const toSign = (text: string): Sign => text.toLowerCase().split(" … ");
  return { failure, signs: failure.signs.map(toSign), frames: (failure.frames ?? []).map(toSign) };
}

/** Where the first of `signs` that is there is; `text` is the line in lower case. Linear in the line's length. */
export function placeOf(signs: readonly Sign[], line: Line, text: string): Place | undefined {
  for (const sign of signs) {
    const found = find(sign, text);
    if (found) return { line: line.number, text: line.text, ...found };
  }
  return undefined;
}

/** Takes each part where it comes first after the one before: that finds the whole wherever it can be found at all. */
function find(sign: Sign, text: string): Pick<Place, "at" | "length"> | undefined {
  let start = -1;
  let end = 0;
  for (const part of sign) {
    const at = text.indexOf(part, end);
    if (at < 0) return undefined;
    if (start < 0) start = at;
    end = at + part.length;
  }
  return { at: start, length: end - start };
}

/** Matches every line that could show any of it: almost no line of a log does, and one search is faster than many. */
export function firstParts(signs: readonly Sign[]): RegExp {
  const literals = signs.map(([first = ""]) => first.replaceAll(/[^\w ]/g, String.raw`\$&`));
  return new RegExp([...new Set(literals)].join("|"));
}
