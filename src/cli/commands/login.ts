import { Option, type Command } from "commander";
import { WaybillError } from "../../errors.ts";
import type { Host } from "../host.ts";
import {
  addCommonOptions,
  addExamples,
  addReachOptions,
  addSwitch,
  addValue,
  newCommand,
  type RegistryFlags,
} from "../options.ts";
import { login, storedUser } from "../../registry/login.ts";
import { loginWords } from "../../registry/login-words.ts";
import { nodeCredentialEnvironment, type CredentialEnvironment } from "../../registry/credentials/environment.ts";
import { display } from "../../spec/display.ts";
import { openContext } from "../../verbs/context.ts";
import { canAsk, openQuestions } from "../ask.ts";
import { readWhole } from "../read-whole.ts";
import { commandOptions } from "../context.ts";
import { onStderr, openShow } from "../show/show.ts";
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
  addValue(command, "-u, --username <name>", "User name");
  addSwitch(command, "--password-stdin", "Read the password or token from standard input");
  command.addOption(new Option("-p, --password <password>").hideHelp().argParser(refusePassword));
  addReachOptions(command);
  addCommonOptions(command);
  addExamples(
    command,
    ["At a terminal: asks for what is not given", `${path} ghcr.io`],
    ["With a token from the environment", `printenv TOKEN | ${path} ghcr.io -u acme-bot --password-stdin`],
  );
  return command.action((registry: string | undefined, flags: LoginFlags) => logIn(registry, flags, host));
}

/** What docker takes; the value is neither used nor shown. */
function refusePassword(): never {
  throw new WaybillError("invalid_argument", "Cannot log in: --password is not taken, use --password-stdin", {
    advice,
  });
}

const advice = "a password on the command line would be seen by everybody on this machine";

async function logIn(registry = "docker.io", flags: LoginFlags, host: Host): Promise<void> {
  const environment = nodeCredentialEnvironment(host.env, host.homeDirectory);
  const { username, password } = await accountOf(registry, flags, host, environment);
  const show = await openShow("plain", onStderr(host));
  const options = await commandOptions(flags, host, show.report);
  await using context = await openContext(options);
  const { storedIn } = await login(registry, username, password, {
    ...options,
    settleScheme: context.endpoints.settleScheme,
    baseUrl: (name) => context.endpoints.baseUrl(name),
    send: context.bareSend,
    environment,
  });
  host.stderr.write(host.log.say(`Logged in to ${display(registry)}; the credential is in ${display(storedIn)}\n`));
}

interface Account {
  readonly username: string;
  readonly password: Secret;
}

/** From the flags, or from whoever sits at the terminal. */
async function accountOf(
  registry: string,
  { username, passwordStdin }: LoginFlags,
  host: Host,
  environment: CredentialEnvironment,
): Promise<Account> {
  if (username && passwordStdin) return { username, password: await passwordFrom(host.stdin) };
  if (!passwordStdin && canAsk(host)) return asked(username, await storedUser(registry, environment), host);
  throw new WaybillError("invalid_argument", "Cannot log in: --username and --password-stdin are both needed", {
    advice: `printenv TOKEN | ${loginWords(registry)}`,
  });
}

async function asked(given: string | undefined, stored: string | undefined, host: Host): Promise<Account> {
  await using questions = openQuestions(host);
  const offered = stored === undefined ? "" : ` (${display(stored)})`;
  const username = given || (await questions.ask(`Username${offered}: `)).trim() || stored;
  if (!username) throw new WaybillError("invalid_argument", "Cannot log in: no user name was given");
  return { username, password: new Secret(await questions.askHidden("Password: ")) };
}

async function passwordFrom(input: Host["stdin"]): Promise<Secret> {
  const given = await readWhole(input, "password from standard input", { maxBytes: longestPassword });
  const text = given.toString("utf8").replace(/\r?\n$/, "");
  if (text !== "") return new Secret(text);
  throw new WaybillError("invalid_argument", "Cannot log in: the password on standard input is empty");
}
