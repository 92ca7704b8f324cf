import { WaybillError } from "../errors.ts";

/** That any of several may be meant, of which each has a line. Foreign text. */
export class Several extends WaybillError {
  readonly lines: readonly string[];

  constructor(message: string, { lines, advice }: { readonly lines: readonly string[]; readonly advice: string }) {
    super("invalid_argument", message, { advice });
    this.lines = lines;
  }
}
