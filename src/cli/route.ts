import type { Command } from "commander";
import { WaybillError } from "../errors.ts";
import type { Host } from "./host.ts";

/** A command by its name; `load` imports its module, and nothing before does. */
export interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly load: (path: string, host: Host) => Promise<Command>;
}

const create: Entry = {
  name: "create",
  summary: "Make an image from images and publish it under one or more tags",
  load: async (path, host) => (await import("./commands/create.ts")).createCommand(path, host),
};
const inspect: Entry = {
  name: "inspect",
  summary: "Show an image in a registry or an OCI layout",
  load: async (path, host) => (await import("./commands/inspect.ts")).inspectCommand(path, host),
};

/** Commands by group; the empty name is the top level. */
export const groups: Readonly<Record<string, readonly Entry[]>> = {
  "": [
    create,
    inspect,
    {
      name: "resume",
      summary: "Finish a publish that was interrupted or has failed",
      load: async (path, host) => (await import("./commands/resume.ts")).resumeCommand(path, host),
    },
    {
      name: "rollback",
      summary: "Put the tags back that a publish has moved",
      load: async (path, host) => (await import("./commands/rollback.ts")).rollbackCommand(path, host),
    },
    {
      name: "history",
      summary: "List the publishes that this machine remembers",
      load: async (path, host) => (await import("./commands/history.ts")).historyCommand(path, host),
    },
    {
      name: "timeline",
      summary: "Draw an earlier publish as a page to look at",
      load: async (path, host) => (await import("./commands/timeline.ts")).timelineCommand(path, host),
    },
    {
      name: "login",
      summary: "Store a credential for a registry, as docker does",
      load: async (path, host) => (await import("./commands/login.ts")).loginCommand(path, host),
    },
    {
      name: "logout",
      summary: "Forget the credential of a registry",
      load: async (path, host) => (await import("./commands/logout.ts")).logoutCommand(path, host),
    },
    {
      name: "doctor",
      summary: "Check this machine and registries before you publish",
      load: async (path, host) => (await import("./commands/doctor.ts")).doctorCommand(path, host),
    },
    {
      name: "explain",
      summary: "Name known failures in the log of a failed publish",
      load: async (path, host) => (await import("./commands/explain.ts")).explainCommand(path, host),
    },
    {
      name: "version",
      summary: "Show the version",
      load: async (path, host) => (await import("./commands/version.ts")).versionCommand(path, host),
    },
  ],
  imagetools: [create, inspect],
  registry: [
    {
      name: "serve",
      summary: "Run a registry on this machine",
      load: async (path, host) => (await import("./commands/registry-serve.ts")).registryServeCommand(path, host),
    },
  ],
  plugin: [
    {
      name: "install",
      summary: "Make `docker waybill` work: link waybill into docker's plugin folder",
      load: async (path, host) => (await import("./commands/plugin-install.ts")).pluginInstallCommand(path, host),
    },
  ],
};

/** Where arguments lead. */
export type Route = (
  | { readonly goal: "command"; readonly group: string; readonly command: Entry; readonly args: readonly string[] }
  | { readonly goal: "help"; readonly group: string }
  | { readonly goal: "unknown"; readonly group: string; readonly name: string }
) & { readonly dockerConfig?: string };

interface Leading {
  /** Flags that every command knows, for the command to read. */
  readonly passed: string[];
  help: boolean;
  version: boolean;
  dockerConfig?: string;
}

/**
 * Finds the command in `args`. Persistent flags may stand before its name, as docker and cobra allow.
 *
 * @throws WaybillError `invalid_argument` for another flag in front of the command.
 */
export function route(args: readonly string[]): Route {
  const leading: Leading = { passed: [], help: false, version: false };
  const rest = [...args];
  let group = "";
  for (;;) {
    takeFlags(rest, leading);
    if (leading.version) return route(["version"]);
    const name = rest.shift();
    const { dockerConfig } = leading;
    const facts = dockerConfig === undefined ? {} : { dockerConfig };
    if (name === undefined) return { goal: "help", group, ...facts };
    if (name === "help") {
      leading.help = true;
      continue;
    }
    const command = groups[group]?.find((entry) => entry.name === name);
    if (command) {
      const own = leading.help ? ["--help"] : rest;
      return { goal: "command", group, command, args: [...leading.passed, ...own], ...facts };
    }
    if (group !== "" || name === "" || !Object.hasOwn(groups, name)) return { goal: "unknown", group, name, ...facts };
    group = name;
  }
}

const passedWithValue: ReadonlySet<string> = new Set(["--builder", "--log-level", "--log-format"]);

/** Takes the flags at the front of `rest` away. */
function takeFlags(rest: string[], leading: Leading): void {
  while (rest[0]?.startsWith("-")) {
    const arg = rest.shift() ?? "";
    const name = arg.split("=", 1)[0] ?? "";
    if (arg === "-h" || arg === "--help") leading.help = true;
    else if (arg === "-v" || arg === "--version") leading.version = true;
    else if (name === "-D" || name === "--debug") leading.passed.push(arg);
    else if (passedWithValue.has(name)) leading.passed.push(`${name}=${valueOf(arg, rest)}`);
    else if (name === "--config") leading.dockerConfig = valueOf(arg, rest);
    else
      throw new WaybillError("invalid_argument", `unknown flag: ${arg}`, {
        advice: "flags of a command follow its name; see `waybill --help`",
      });
  }
}

function valueOf(arg: string, rest: string[]): string {
  const equals = arg.indexOf("=");
  if (equals >= 0) return arg.slice(equals + 1);
  const value = rest.shift();
  if (value === undefined) throw new WaybillError("invalid_argument", `flag needs an argument: ${arg}`);
  return value;
}
