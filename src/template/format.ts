import { formatValue } from "./format-value.ts";
import { unboxed } from "./access.ts";
import { Failure } from "./fail.ts";
import { Budget, pad, plainStyle, type Style } from "./style.ts";
import type { GoValue } from "./type.ts";

type Arg = GoValue | undefined;
type Flags = { -readonly [Key in keyof Style]: Style[Key] };

/** Go refuses widths and precisions beyond this. */
const largest = 1_000_000;

/**
 * As Go's `fmt.Sprintf`: flags `-+# 0`, width and precision (also `*`), explicit operands `[2]`; what does not fit is
 * written into the text (`%!d(string=hi)`, `%!s(MISSING)`, `%!(EXTRA int=1)`).
 */
export function printf(format: string, args: readonly Arg[]): string {
  return new Formatter(format, args).run();
}

class Formatter {
  readonly #format: string;
  readonly #args: readonly Arg[];
  readonly #budget = new Budget();
  #at = 0;
  #next = 0;
  #reordered = false;
  #badIndex = false;
  #notes = "";

  constructor(format: string, args: readonly Arg[]) {
    this.#format = format;
    this.#args = args.map(unboxed);
  }

  run(): string {
    let text = "";
    while (this.#at < this.#format.length) {
      const percent = this.#format.indexOf("%", this.#at);
      const end = percent < 0 ? this.#format.length : percent;
      text += this.#budget.spend(this.#format.slice(this.#at, end));
      this.#at = end + 1;
      if (percent >= 0) text += this.#budget.spend(this.#directive());
    }
    return text + this.#extra();
  }

  #directive(): string {
    this.#notes = "";
    this.#badIndex = false;
    this.#reordered = false;
    const style = this.#flags();
    this.#argumentIndex();
    this.#width(style);
    this.#precision(style);
    this.#argumentIndex();
    const verb = String.fromCodePoint(this.#format.codePointAt(this.#at) ?? 0);
    if (this.#at >= this.#format.length) return `${this.#notes}%!(NOVERB)`;
    this.#at += verb.length;
    return this.#notes + this.#verb(verb, style);
  }

  #verb(verb: string, style: Flags): string {
    if (verb === "%") return "%";
    if (this.#badIndex) return `%!${verb}(BADINDEX)`;
    if (this.#next >= this.#args.length) return `%!${verb}(MISSING)`;
    const arg = this.#args[this.#next++];
    if (verb === "T") return pad(arg?.type.name ?? "<nil>", style);
    if (verb === "v" && style.sharp) return goSyntax(arg, style);
    if (verb === "v" && style.plus) {
      style.plus = false;
      style.names = true;
    }
    return formatValue(arg, verb, style);
  }

  #flags(): Flags {
    const style: Flags = plainStyle(this.#budget);
    for (; this.#at < this.#format.length; this.#at++) {
      const char = this.#format[this.#at];
      if (char === "-") style.minus = true;
      else if (char === "+") style.plus = true;
      else if (char === "#") style.sharp = true;
      else if (char === " ") style.space = true;
      else if (char === "0") style.zero = true;
      else break;
    }
    return style;
  }

  #argumentIndex(): void {
    const match = /^\[([^\]]*)\]/.exec(this.#format.slice(this.#at, this.#at + 32));
    if (this.#format[this.#at] !== "[") return;
    this.#reordered = true;
    const index = match && /^[0-9]{1,7}$/.test(match[1] ?? "") ? Number(match[1]) - 1 : -1;
    this.#at += match ? match[0].length : 1;
    if (index < 0 || index >= this.#args.length) this.#badIndex = true;
    else this.#next = index;
  }

  #width(style: Flags): void {
    const star = this.#format[this.#at] === "*";
    const width = star ? this.#star("WIDTH") : this.#number();
    if (width === undefined) return;
    if (width < 0) style.minus = true;
    style.width = Math.abs(width);
  }

  #precision(style: Flags): void {
    if (this.#format[this.#at] !== ".") return;
    this.#at++;
    this.#argumentIndex();
    const precision = this.#format[this.#at] === "*" ? this.#star("PREC") : (this.#number() ?? 0);
    if (precision !== undefined && precision >= 0) style.precision = precision;
    else if (precision !== undefined) this.#notes += "%!(BADPREC)";
  }

  #number(): number | undefined {
    const match = /^[0-9]{1,7}/.exec(this.#format.slice(this.#at, this.#at + 8));
    if (!match) return undefined;
    this.#at += match[0].length;
    return Number(match[0]) > largest ? undefined : Number(match[0]);
  }

  #star(what: string): number | undefined {
    this.#at++;
    const arg = this.#args[this.#next++];
    if (arg?.kind === "int" && Math.abs(arg.data) <= largest) return arg.data;
    this.#notes += `%!(BAD${what})`;
    return undefined;
  }

  #extra(): string {
    if (this.#reordered || this.#next >= this.#args.length) return "";
    const rest = this.#args.slice(this.#next).map((arg) => {
      return arg === undefined ? "<nil>" : `${arg.type.name}=${formatValue(arg, "v", plainStyle(this.#budget))}`;
    });
    return `%!(EXTRA ${rest.join(", ")})`;
  }
}

/** As Go's `%#v`. @throws Failure for what would be written with the types of Go's own structs, slices and maps. */
function goSyntax(arg: Arg, style: Style): string {
  const plain = { ...style, plus: false, sharp: false };
  if (arg === undefined || ["bool", "int", "float"].includes(arg.kind)) return formatValue(arg, "v", plain);
  if (arg.kind === "string") return formatValue(arg, "q", plain);
  throw new Failure("%#v is not supported for this value: only texts, numbers and booleans have such a form here");
}
