/** How we were started: what docker asks of its plugins, the version, or a command. */
export interface Invocation {
  readonly wants: "metadata" | "version" | "command";
  /** Arguments in our own form, whatever docker put in front. */
  readonly args: readonly string[];
  readonly isPlugin: boolean;
}

const docker = /^docker-(waybill|imagetools)(?:\.exe|\.js)?$/;
// docker hands its own global flags on, in front of the plugin's name.
const flagsWithValue = new Set([
  "--config",
  "-c",
  "--context",
  "-H",
  "--host",
  "-l",
  "--log-level",
  "--tlscacert",
  "--tlscert",
  "--tlskey",
]);
const oneLetter = /^-[cH]./;

/** Reads `process.argv`. Started as `docker-imagetools` the arguments become those of `waybill imagetools`. */
export function invocationOf(argv: readonly string[]): Invocation {
  const args = argv.slice(2);
  const plugin = docker.exec((argv[1] ?? "").split(/[\\/]/).at(-1) ?? "")?.[1];
  const isPlugin = plugin !== undefined;
  if (args[0] === "docker-cli-plugin-metadata") return { wants: "metadata", args: [], isPlugin };
  const own = plugin === undefined ? args : unwrap(args, plugin);
  const isVersion = own.length === 1 && ["--version", "-v", "version"].includes(own[0] ?? "");
  return { wants: isVersion ? "version" : "command", args: own, isPlugin };
}

function unwrap(args: readonly string[], plugin: string): readonly string[] {
  const { kept, rest } = dockerFlags(args);
  const isHelp = rest[0] === "help";
  const named = isHelp ? rest.slice(1) : rest;
  const own = named[0] === plugin ? named.slice(1) : named;
  const prefix = plugin === "imagetools" ? ["imagetools"] : [];
  return isHelp ? [...kept, "help", ...prefix, ...own] : [...kept, ...prefix, ...own];
}

/** Parts docker's global flags from the rest; of them, `--config`, `--debug` and `--log-level` mean something to us. */
function dockerFlags(args: readonly string[]): { kept: string[]; rest: readonly string[] } {
  const kept: string[] = [];
  let at = 0;
  for (; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (!arg.startsWith("-") || arg === "--") break;
    const takesNext = flagsWithValue.has(arg);
    const value = takesNext ? args[++at] : undefined;
    const level = levelOf(arg, value);
    if (arg === "--config" && value !== undefined) kept.push(`--config=${value}`);
    else if (level !== undefined) kept.push(`--log-level=${level}`);
    else if (isOurs(arg)) kept.push(arg);
    else if (!takesNext && !isDockers(arg)) return { kept, rest: args.slice(at) };
  }
  return { kept, rest: args.slice(at) };
}

/** `-l debug`, `-ldebug`, `-l=debug`, `--log-level debug`, `--log-level=debug`. */
function levelOf(arg: string, value: string | undefined): string | undefined {
  if (arg === "-l" || arg === "--log-level") return value;
  return /^(?:-l=?|--log-level=)(.*)$/.exec(arg)?.[1];
}

function isOurs(arg: string): boolean {
  return arg.startsWith("--config=") || arg === "-D" || arg === "--debug" || arg.startsWith("--debug=");
}

function isDockers(arg: string): boolean {
  return oneLetter.test(arg) || /^--(?:context|host|tls|tlscacert|tlscert|tlskey|tlsverify)(?:=|$)/.test(arg);
}

/** What docker asks each plugin when it lists them. Spec: docker CLI plugins, schema 0.1.0. */
export function pluginMetadata(version: string): string {
  const metadata = {
    SchemaVersion: "0.1.0",
    Vendor: "Waybill",
    Version: version,
    ShortDescription: "Assemble a multi-platform image and publish it to many registries",
  };
  return `${JSON.stringify(metadata)}\n`;
}
