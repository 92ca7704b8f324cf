import { Command, Option } from "commander";
import { isHost, normalizeHost } from "../spec/reference.ts";
import type { RegistryLimit } from "../registry/limits.ts";
import type { Host } from "./host.ts";
import { parseLimit } from "./limit.ts";
import { logFormats } from "./log/asked.ts";
import { logLevel, logLevels, type LogLevel } from "./log/level.ts";
import { colorModes } from "./show/color.ts";
import { durationMs, sizeBytes } from "./units.ts";
import { usage } from "./usage.ts";

/** A command that throws instead of ending the process and writes its help to `host.stdout`. `path` is what the user types. */
export function newCommand(path: string, host: Host): Command {
  const typed = host.isPlugin && path.startsWith("waybill imagetools") ? path.replace("waybill", "docker") : path;
  const width = Math.min(host.stdout.columns ?? 100, 110);
  return new Command(host.isPlugin && typed === path ? `docker ${path}` : typed).exitOverride().configureOutput({
    writeOut: (text) => void host.stdout.write(text),
    writeErr: () => undefined,
    getOutHelpWidth: () => width,
  });
}

/** A switch, also taken back by `--name=false`. Off unless `initially` says otherwise. */
export function addSwitch(command: Command, flags: string, description: string, initially?: true): Command {
  const long = /--([a-z][a-z0-9-]*)/.exec(flags)?.[1] ?? flags;
  command.addOption(new Option(flags, description).default(initially));
  return command.addOption(new Option(`--no-${long}`).hideHelp());
}

/** A flag whose values, each as `parse` reads it, gather in a list, in the given order. */
export function addList(
  command: Command,
  flags: string,
  description: string,
  parse: (value: string) => unknown = textFor(flags),
): Command {
  const gather = (value: string, before: readonly unknown[] | undefined) => [...(before ?? []), parse(value)];
  return command.addOption(new Option(flags, description).argParser(gather));
}

/** A flag whose one value `parse` reads; unless given, it stays a text. */
export function addValue(
  command: Command,
  flags: string,
  description: string,
  parse: (value: string) => unknown = textFor(flags),
): Command {
  return command.addOption(new Option(flags, description).argParser(parse));
}

/** A flag that takes one of a few words. */
export function addChoice(command: Command, flags: string, description: string, choices: readonly string[]): Command {
  return addValue(command, flags, description, oneOf(flags.split(" ", 1)[0] ?? flags, choices));
}

/** When the command's news is coloured: `auto`, unless said otherwise. */
export function addColor(command: Command): Command {
  const description = "Colour what is told: auto, always or never (default: auto) [$NO_COLOR, $FORCE_COLOR]";
  return addChoice(command, "--color <when>", description, colorModes);
}

/** Where what outlives a run is kept; `stateFolder` reads it. */
export function addStateOption(command: Command): Command {
  const description = "Where the journals are kept (default: $XDG_STATE_HOME/waybill, else ~/.local/state/waybill)";
  return addValue(command, "--state <folder>", description);
}

/** What `addReachOptions`, `addRegistryOptions` and `addCommonOptions` leave in a command's options. */
export interface RegistryFlags {
  readonly builder?: string;
  readonly caFile?: readonly string[];
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly insecure?: readonly string[];
  readonly plainHttp?: readonly string[];
  readonly allowPrivate?: readonly string[];
  readonly trustRealm?: readonly string[];
  readonly http2?: "auto" | "on" | "off";
  readonly chunkSize?: number;
  readonly timeout?: number;
  readonly maxRetryAfter?: number;
  readonly maxDescriptors?: number;
  readonly limit?: readonly RegistryLimit[];
  readonly propagateTrace?: boolean;
  readonly telemetryFlush?: number;
}

const registriesGroup = "Registries:";

/** Flags about what goes to and comes from registries, and those about reaching them. */
export function addRegistryOptions(command: Command): Command {
  addReachOptions(command);
  command.optionsGroup(registriesGroup);
  addValue(
    command,
    "--chunk-size <size>",
    "Upload blobs in pieces of this size, such as 16MiB, 1KiB at least (default: whole)",
    asChunkSize,
  );
  return addValue(
    command,
    "--max-descriptors <number>",
    "Most descriptors to accept in one manifest (default: 5000)",
    counted("--max-descriptors"),
  );
}

/** Flags about reaching registries, the same on each command that does. */
export function addReachOptions(command: Command): Command {
  command.optionsGroup(registriesGroup);
  addValue(command, "--builder <name>", "Use the registry settings of this buildx builder [$BUILDX_BUILDER]");
  addList(command, "--ca-file <path>", "Also trust the certificate authorities in this PEM file; repeatable");
  addValue(command, "--cert-file <path>", "Client certificate (PEM)");
  addValue(command, "--key-file <path>", "Key of the client certificate (PEM)");
  addList(
    command,
    "--insecure <host>",
    "Do not verify this registry's certificate; repeatable",
    hostNamed("--insecure"),
  );
  addList(command, "--plain-http <host>", "Speak plain HTTP to this registry; repeatable", hostNamed("--plain-http"));
  addList(
    command,
    "--allow-private <host>",
    "Let registries lead us to this private host; repeatable",
    hostNamed("--allow-private"),
  );
  addList(
    command,
    "--trust-realm <host>",
    "Send credentials to this token service; repeatable [$WAYBILL_TRUST_REALMS]",
    hostNamed("--trust-realm"),
  );
  addChoice(command, "--http2 <mode>", "auto, on or off (default: off)", ["auto", "on", "off"]);
  addValue(
    command,
    "--timeout <duration>",
    "Give up after this time, such as 10m (default: never)",
    timed("--timeout"),
  );
  addValue(
    command,
    "--max-retry-after <duration>",
    "Longest wait that a registry may ask for (default: 2m)",
    timed("--max-retry-after"),
  );
  addList(
    command,
    "--limit <limit>",
    "Most to ask of one registry, registry=HOST,concurrency=8,rps=10,bandwidth=20MiB, each part optional; repeatable",
    parseLimit,
  );
  command.optionsGroup("Telemetry (on when OTEL_* asks for it; see docs/telemetry.md):");
  addSwitch(command, "--propagate-trace", "Send the trace's id to registries (traceparent header)");
  addValue(
    command,
    "--telemetry-flush <duration>",
    "Longest time that telemetry may take at the end (default: 2s)",
    timed("--telemetry-flush"),
  );
  return command;
}

/**
 * Flags of every command. Upstream's persistent `--builder` is one of them; where it means nothing it is taken but not shown.
 * Comes after the flags about registries.
 */
export function addCommonOptions(command: Command): Command {
  command.optionsGroup("General:");
  const hasBuilder = command.options.some(({ long }) => long === "--builder");
  if (!hasBuilder) command.addOption(new Option("--builder <name>").hideHelp());
  addSwitch(command, "-D, --debug", "The same as --log-level debug: each request, causes and stacks of errors");
  addValue(
    command,
    "--log-level <level>",
    "Least that is told: trace, debug, info, warn, error or fatal (default: warn)",
    levelNamed,
  );
  addChoice(command, "--log-format <format>", "text, or json: a JSON object a line (default: text)", logFormats);
  return command.helpOption("-h, --help", "Show this help");
}

/** Examples below a command's help. */
export function addExamples(command: Command, ...examples: readonly (readonly [string, string])[]): Command {
  const lines = examples.map(([what, typed]) => `  # ${what}\n  ${typed}`);
  return command.addHelpText("after", `\nExamples:\n${lines.join("\n\n")}`);
}

/** Any text; where it is a path, one that names something: a job's variable that is not set comes as `""`. */
function textFor(flags: string): (value: string) => string {
  const flag = flags.split(" ").find((word) => word.startsWith("--")) ?? flags;
  const isPath = /<(?:path|folder|dir)>$/.test(flags);
  return (value) => {
    if (isPath && value === "") throw usage(flag, value, "a path");
    return value;
  };
}

function levelNamed(word: string): LogLevel {
  const level = logLevel(word);
  if (level === undefined) throw usage("--log-level", word, logLevels.join(", "));
  return level;
}

function hostNamed(flag: string): (value: string) => string {
  return (value) => {
    if (!isHost(value)) throw usage(flag, value, "HOST or HOST:PORT, such as registry.corp.example:5000");
    return normalizeHost(value);
  };
}

function oneOf<T extends string>(flag: string, choices: readonly T[]): (value: string) => T {
  return (value) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) throw usage(flag, value, choices.join(", "));
    return choice;
  };
}

/** The first byte's range, 0-0, is what some registries answer for none at all: pieces of one byte go nowhere. */
const leastChunkBytes = 1024;

function asChunkSize(value: string): number {
  const size = sizeBytes(value);
  if (size === undefined || size < leastChunkBytes) throw usage("--chunk-size", value, "1KiB or more, such as 16MiB");
  return size;
}

function timed(flag: string): (value: string) => number {
  return (value) => {
    const duration = durationMs(value);
    if (duration === undefined) throw usage(flag, value, "a duration such as 30s or 1m30s");
    return duration;
  };
}

function counted(flag: string): (value: string) => number {
  return (value) => {
    if (!/^[1-9]\d{0,8}$/.test(value)) throw usage(flag, value, "a whole number above 0");
    return Number(value);
  };
}
