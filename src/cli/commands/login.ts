import type { Command } from "commander";
import { WaybillError } from "../../errors.ts";
import { isHost, normalizeHost } from "../../spec/reference.ts";
import type { Host } from "../host.ts";
import {
  addCommonOptions,
  addExamples,
  addRegistryOptions,
  addSwitch,
  addValue,
  asText,
  newCommand,
  type RegistryFlags,
} from "../options.ts";
import { storeLogin } from "../pending.ts";
import { Secret } from "../../http/send.ts";

interface LoginFlags extends RegistryFlags {
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

// As docker: a token may be long, a file that was piped in by mistake is longer.
const longestPassword = 64 * 1024;

/** `waybill login`: keeps a credential where docker keeps them. */
export function loginCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS] [HOST]")
    .description("Store a credential for a registry in docker's config.json, or in the credential helper that it names")
    .argument("[host]", "HOST or HOST:PORT; without it, Docker Hub");
  command.optionsGroup("Credential:");
  addValue(command, "-u, --username <name>", "User name", asText);
  addSwitch(command, "--password-stdin", "Read the password or token from standard input");
  addRegistryOptions(command);
  addCommonOptions(command);
  addExamples(command, [
    "With a token from the environment",
    `printenv TOKEN | ${path} ghcr.io -u acme-bot --password-stdin`,
  ]);
  return command.action((registry: string | undefined, flags: LoginFlags) => login(registry, flags, host));
}

async function login(registry: string | undefined, flags: LoginFlags, host: Host): Promise<void> {
  const name = registryNamed(registry);
  const { username } = flags;
  if (!username || !flags.passwordStdin) {
    throw new WaybillError("invalid_argument", "Cannot log in: --username and --password-stdin are both needed", {
      advice: "a password on the command line would be seen by everybody on this machine",
    });
  }
  const password = await passwordFrom(host.stdin);
  host.stderr.write(`${await storeLogin({ registry: name, username, password }, host)}\n`);
}

/** The registry that an argument of `login` or `logout` names. @throws WaybillError `invalid_argument` */
export function registryNamed(argument: string | undefined): string {
  const name = (argument ?? "docker.io").replace(/^https:\/\//, "").replace(/\/(?:v1\/|v2\/)?$/, "");
  if (isHost(name)) return normalizeHost(name);
  throw new WaybillError("invalid_argument", `Cannot read registry "${argument}": expected HOST or HOST:PORT`, {
    advice: "credentials are kept for whole registries: leave the repository away",
  });
}

async function passwordFrom(input: Host["stdin"]): Promise<Secret> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of input) {
    chunks.push(Buffer.from(chunk as Uint8Array));
    sizeBytes += chunk.length;
    if (sizeBytes > longestPassword) break;
  }
  const text = Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
  if (text !== "" && sizeBytes <= longestPassword) return new Secret(text);
  throw new WaybillError(
    "invalid_argument",
    `Cannot log in: the password on standard input is ${text === "" ? "empty" : "too long"}`,
  );
}
