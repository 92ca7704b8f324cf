import type { Command, Option } from "commander";
import { usage } from "./usage.ts";

/**
 * Rewrites arguments as Go's `pflag` reads them into what `command` understands: `--flag=false` and `-D=true` for switches,
 * `-t=value`, letters joined as in `-qt value`. Values and everything after `--` stay as they are.
 *
 * @throws WaybillError `invalid_argument` where a switch is given neither true nor false.
 */
export function goArguments(args: readonly string[], command: Command): string[] {
  const known = new Map(command.options.flatMap((option) => spellings(option).map((name) => [name, option] as const)));
  const rewritten: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--") return [...rewritten, ...args.slice(at)];
    const taken = arg.startsWith("--") ? longFlag(arg, known) : shortFlags(arg, known);
    rewritten.push(...taken.args);
    const value = args[at + 1];
    if (!taken.wantsValue || value === undefined) continue;
    // Joined with "=": a value may begin with a dash.
    rewritten.push(`${rewritten.pop()}=${value}`);
    at++;
  }
  return rewritten;
}

type Known = ReadonlyMap<string, Option>;
interface Taken {
  readonly args: readonly string[];
  readonly wantsValue: boolean;
}

const asIs = (arg: string): Taken => ({ args: [arg], wantsValue: false });

function spellings(option: Option): string[] {
  return [option.long, option.short].filter((name) => name !== undefined);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function longFlag(arg: string, known: Known): Taken {
  const equals = arg.indexOf("=");
  const name = equals < 0 ? arg : arg.slice(0, equals);
  const option = known.get(name);
  if (!option) return asIs(arg);
  if (takesValue(option)) return { args: [arg], wantsValue: equals < 0 };
  return { args: [equals < 0 ? name : switched(name, arg.slice(equals + 1))], wantsValue: false };
}

function shortFlags(arg: string, known: Known): Taken {
  if (!/^-[A-Za-z]/.test(arg)) return asIs(arg);
  const args: string[] = [];
  for (let at = 1; at < arg.length; at++) {
    const option = known.get(`-${arg[at]}`);
    const long = option?.long;
    if (!option || long === undefined) return asIs(arg);
    const rest = arg.slice(at + 1);
    if (takesValue(option))
      return { args: [...args, rest === "" ? long : `${long}=${rest.replace(/^=/, "")}`], wantsValue: rest === "" };
    if (rest.startsWith("=")) return { args: [...args, switched(long, rest.slice(1))], wantsValue: false };
    args.push(long);
  }
  return { args, wantsValue: false };
}

// What Go's strconv.ParseBool takes.
const truths = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const lies = new Set(["0", "f", "F", "FALSE", "false", "False"]);

function switched(long: string, value: string): string {
  if (truths.has(value)) return long;
  if (lies.has(value)) return `--no-${long.slice(2)}`;
  throw usage(long, value, "true or false");
}
