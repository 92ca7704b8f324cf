import { quote } from "./quote.ts";
import { pad, type Style } from "./style.ts";

const bases: Readonly<Record<string, number>> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };
const prefixes: Readonly<Record<string, string>> = { b: "0b", o: "0", x: "0x", X: "0X" };

/** An integer as Go's `fmt` writes it; `undefined` where `verb` is not one for integers. */
export function formatInt(value: number, verb: string, style: Style): string | undefined {
  if (Object.hasOwn(bases, verb)) return formatBase(value, verb, style);
  const char = String.fromCodePoint(value >= 0 && value <= 0x10ffff ? value : 0xfffd);
  if (verb === "c") return pad(char, style);
  if (verb === "q") return pad(quote(char, "'", style.plus), style);
  if (verb !== "U") return undefined;
  const code = `U+${value.toString(16).toUpperCase().padStart(4, "0")}`;
  return pad(style.sharp ? `${code} '${char}'` : code, { ...style, zero: false });
}

function formatBase(value: number, verb: string, style: Style): string {
  const { precision, width } = style;
  const sign = signOf(value, style);
  let digits = Math.abs(value).toString(bases[verb]);
  if (verb === "X") digits = digits.toUpperCase();
  if (precision === 0 && value === 0) digits = "";
  const fill = style.zero && !style.minus && precision === undefined ? (width ?? 0) - sign.length : (precision ?? 0);
  style.budget.reserve(Math.max(0, fill));
  digits = digits.padStart(fill, "0");
  if (style.sharp) digits = (verb === "o" && digits.startsWith("0") ? "" : (prefixes[verb] ?? "")) + digits;
  if (verb === "O") digits = `0o${digits}`;
  return pad(sign + digits, { ...style, zero: false });
}

function signOf(value: number, style: Style): string {
  if (value < 0) return "-";
  return style.plus ? "+" : style.space ? " " : "";
}

/** A floating-point number as Go's `fmt` writes it; `undefined` where `verb` is not one of v, e, f, g and their capitals. */
export function formatFloat(value: number, verb: string, style: Style): string | undefined {
  const text = magnitude(Math.abs(value), verb, style.precision);
  if (text === undefined) return undefined;
  const sign = signOf(value, style);
  if (!style.zero || style.minus) return pad(sign + text, style);
  return sign + pad(text, { ...style, width: (style.width ?? 0) - sign.length });
}

function magnitude(value: number, verb: string, precision: number | undefined): string | undefined {
  const digits = precision === undefined ? undefined : Math.min(precision, 100);
  switch (verb) {
    case "e":
      return exponent(value.toExponential(digits ?? 6));
    case "E":
      return exponent(value.toExponential(digits ?? 6)).toUpperCase();
    case "f":
    case "F":
      return fixed(value, digits ?? 6);
    case "v":
    case "g":
      return general(value, digits);
    case "G":
      return general(value, digits).toUpperCase();
    default:
      return undefined;
  }
}

function fixed(value: number, digits: number): string {
  if (value < 1e21) return value.toFixed(digits);
  return BigInt(value).toString() + (digits > 0 ? `.${"0".repeat(digits)}` : "");
}

function general(value: number, precision: number | undefined): string {
  const scientific = value.toExponential(precision === undefined ? undefined : Math.max(precision, 1) - 1);
  const [mantissa = "0", power = "0"] = scientific.split("e");
  const kept = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  const count = kept.replace(".", "").length;
  const threshold = largestPlain(precision, count, Number(power) + 1);
  if (Number(power) < -4 || Number(power) >= threshold) return exponent(`${kept}e${power}`);
  return fixed(Number(`${kept}e${power}`), Math.max(0, count - 1 - Number(power)));
}

function largestPlain(precision: number | undefined, count: number, point: number): number {
  if (precision === undefined) return 6;
  const wanted = Math.max(precision, 1);
  return wanted > count && count >= point ? count : wanted;
}

/** `1.5e+7` → `1.5e+07` */
function exponent(text: string): string {
  return text.replace(/e([-+]?)(\d)$/, (_, sign: string, digit: string) => `e${sign || "+"}0${digit}`);
}
