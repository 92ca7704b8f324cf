import { formatFloat, formatInt } from "./format-number.ts";
import { firstOf, quote } from "./quote.ts";
import { Budget, pad, plainStyle, type Style } from "./style.ts";
import { timeText } from "./time.ts";
import { elementAt, fieldAt, lengthOf, sortedEntries, goString } from "./type.ts";
import type { GoValue, ListValue, MapValue, StructValue } from "./type.ts";

type Arg = GoValue | undefined;

/** Where a pointer points, in Go a different number each time. */
const address = "0xc000010000";

/** As Go's `fmt.Sprint`: a blank between two operands that are both not strings. */
export function print(args: readonly Arg[]): string {
  const style = plainStyle(new Budget());
  let text = "";
  let wasString = true;
  for (const [at, boxedArg] of args.entries()) {
    const arg = content(boxedArg);
    const isString = arg?.kind === "string";
    if (at > 0 && !isString && !wasString) text += " ";
    text += style.budget.spend(formatValue(arg, "v", style));
    wasString = isString;
  }
  return text;
}

/** As Go's `fmt.Sprintln`. */
export function printLine(args: readonly Arg[]): string {
  const style = plainStyle(new Budget());
  return `${args.map((arg) => style.budget.spend(formatValue(content(arg), "v", style))).join(" ")}\n`;
}

function content(arg: Arg): Arg {
  return arg?.kind === "interface" ? arg.data : arg;
}

/** One operand of `printf` under `verb`, as Go writes it; `depth` is how far inside the operand we are. */
export function formatValue(value: Arg, verb: string, style: Style, depth = 0): string {
  if (value === undefined)
    return verb === "v" && depth === 0 ? pad("<nil>", style) : depth > 0 ? "<nil>" : badVerb(value, verb, style);
  const text = stringerText(value, verb);
  if (text !== undefined) return formatString(text, verb, style) ?? badVerb(value, verb, style);
  switch (value.kind) {
    case "string":
      return formatString(value.data, verb, style) ?? badVerb(value, verb, style);
    case "bool":
      return verb === "t" || verb === "v" ? pad(String(value.data), style) : badVerb(value, verb, style);
    case "int":
      return formatInt(value.data, verb, style) ?? badVerb(value, verb, style);
    case "float":
      return formatFloat(value.data, verb, style) ?? badVerb(value, verb, style);
    case "interface":
      return formatValue(value.data, verb, style, depth + 1);
    case "pointer":
      return formatPointer(value, verb, style, depth);
    case "slice":
      return formatList(value, verb, style, depth);
    case "map":
      return formatMap(value, verb, style, depth);
    case "struct":
      return formatStruct(value, verb, style, depth);
    default:
      return badVerb(value, verb, style);
  }
}

/** What the value's `String` method says, where the verb asks for it. */
function stringerText(value: GoValue, verb: string): string | undefined {
  if (!"vsxXq".includes(verb)) return undefined;
  if (value.kind === "time") return timeText(value.data);
  if (value.kind !== "pointer") return undefined;
  return value.data?.kind === "time" ? timeText(value.data.data) : undefined;
}

function formatString(text: string, verb: string, style: Style): string | undefined {
  const { precision } = style;
  const cut = precision === undefined ? text : firstOf(text, precision);
  switch (verb) {
    case "v":
    case "s":
      return pad(cut, style);
    case "q":
      if (style.sharp && /^[^`\p{Cc}\ufeff]*$|^[^`\ufeff]*\t[^`\ufeff]*$/u.test(cut)) return pad(`\`${cut}\``, style);
      return pad(quote(cut, '"', style.plus), style);
    case "x":
    case "X":
      return formatHex(Buffer.from(text), verb, style);
    default:
      return undefined;
  }
}

function formatHex(bytes: Uint8Array, verb: string, style: Style): string {
  const used = style.precision === undefined ? bytes : bytes.subarray(0, style.precision);
  const prefix = style.sharp && used.length > 0 ? `0${verb}` : "";
  const hex = Buffer.from(used).toString("hex");
  const digits = style.space ? (hex.match(/../g) ?? []).join(style.sharp ? ` ${prefix}` : " ") : hex;
  return pad(prefix + (verb === "X" ? digits.toUpperCase() : digits), style);
}

function formatPointer(
  value: GoValue & { kind: "pointer" | "interface" },
  verb: string,
  style: Style,
  depth: number,
): string {
  const target = value.data;
  if (depth === 0 && target && ["struct", "map", "slice"].includes(target.kind)) {
    return `&${formatValue(target, verb, style, depth + 1)}`;
  }
  if (verb === "v") return pad(target ? address : "<nil>", style);
  if (verb === "p") return pad(target ? address : "0x0", style);
  return formatInt(target ? Number(address) : 0, verb, style) ?? badVerb(value, verb, style);
}

function formatList(list: ListValue, verb: string, style: Style, depth: number): string {
  const { data } = list;
  const isBytes = list.type.kind === "slice" && list.type.element.name === "uint8";
  if (isBytes && "sqxX".includes(verb)) {
    const bytes = data instanceof Uint8Array ? data : Uint8Array.of();
    if (verb === "x" || verb === "X") return formatHex(bytes, verb, style);
    return formatString(Buffer.from(bytes).toString(), verb, style) ?? "";
  }
  const items: string[] = [];
  for (let at = 0; at < lengthOf(list); at++) items.push(item(elementAt(list, at), verb, style, depth));
  return `[${items.join(" ")}]`;
}

function formatMap(map: MapValue, verb: string, style: Style, depth: number): string {
  const entries = sortedEntries(map).map(
    ([key, value]) => `${item(goString(key), verb, style, depth)}:${item(value, verb, style, depth)}`,
  );
  return `map[${entries.join(" ")}]`;
}

function formatStruct(value: StructValue, verb: string, style: Style, depth: number): string {
  const fields = value.type.fields.flatMap((field, at) => {
    if (field.method) return [];
    const text = item(fieldAt(value, at), verb, style, depth);
    return [style.names ? `${field.name}:${text}` : text];
  });
  return `{${fields.join(" ")}}`;
}

function item(value: GoValue, verb: string, style: Style, depth: number): string {
  return style.budget.spend(formatValue(value, verb, style, depth + 1));
}

/** What Go writes for a verb that does not fit its operand: `%!d(string=hi)`. */
function badVerb(value: Arg, verb: string, style: Style): string {
  if (value === undefined) return `%!${verb}(<nil>)`;
  const plain = value.kind === "time" ? timeText(value.data) : formatValue(value, "v", style);
  return `%!${verb}(${value.type.name}=${plain})`;
}
