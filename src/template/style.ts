import { Failure, maxOutputLength } from "./fail.ts";

/** How one verb of `printf` is to write its value: flags, width and precision. */
export interface Style {
  readonly minus: boolean;
  readonly plus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  /** `%+v`: structs with the names of their fields. */
  readonly names: boolean;
  readonly width?: number;
  readonly precision?: number;
  /** What may still be written, shared by all verbs of one call. */
  readonly budget: Budget;
}

/** A bound on text that is being made, so that a width or a doubling variable cannot exhaust memory. */
export class Budget {
  #left: number;

  constructor(limit = maxOutputLength) {
    this.#left = limit;
  }

  /** Gives `text` back. @throws Failure once more has been spent than there was. */
  spend(text: string): string {
    this.reserve(text.length);
    return text;
  }

  reserve(length: number): void {
    this.#left -= length;
    if (this.#left < 0) throw new Failure(`output is longer than ${maxOutputLength} characters`);
  }
}

/** A style without flags. */
export function plainStyle(budget: Budget): Style {
  return { minus: false, plus: false, sharp: false, space: false, zero: false, names: false, budget };
}

/** `text` filled up to the width, counted in characters. */
export function pad(text: string, style: Style): string {
  const { width = 0, budget } = style;
  const missing = width - lengthOf(text, width);
  if (missing <= 0) return text;
  budget.reserve(missing);
  if (style.minus) return text + " ".repeat(missing);
  return (style.zero ? "0" : " ").repeat(missing) + text;
}

function lengthOf(text: string, width: number): number {
  if (text.length > width * 2) return width;
  return Array.from(text).length;
}
