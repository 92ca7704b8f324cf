import type { Command } from "commander";
import { Controller } from "../async/on-abort.ts";
import { WaybillError } from "../errors.ts";
import { goArguments } from "./arguments.ts";
import { exitCodeOf, exitCodes } from "./exit-code.ts";
import type { Host } from "./host.ts";
import { groupHelp, rootHelp } from "./help.ts";
import { route, type Route } from "./route.ts";
import { ToldError } from "./told.ts";

/**
 * Runs one command and tells its error on `host.stderr`, the only place that does.
 *
 * @returns the exit code. Never rejects.
 */
export async function runProgram(args: readonly string[], host: Host): Promise<number> {
  const ended = new Controller();
  const own = { ...host, ended: ended.signal };
  try {
    const found = route(args);
    await dispatch(found, found.dockerConfig === undefined ? own : withDockerConfig(own, found.dockerConfig));
    return exitCodes.done;
  } catch (error) {
    const isTold = error instanceof ToldError;
    const failure = isTold ? error.cause : error;
    host.telemetry?.failed(failure);
    const code = exitCodeOf(failure);
    if (!isTold) host.stderr.write(host.log.ofError(failure, code));
    return code;
  } finally {
    ended.abort();
  }
}

function withDockerConfig(host: Host, folder: string): Host {
  return { ...host, env: { ...host.env, DOCKER_CONFIG: folder } };
}

async function dispatch(found: Route, host: Host): Promise<void> {
  if (found.goal === "help")
    return void host.stdout.write(found.group === "" ? rootHelp(host) : groupHelp(found.group, host));
  if (found.goal === "unknown" && found.group === "") return refuse(found.name, host);
  if (found.goal === "unknown") {
    host.stderr.write(host.log.say(groupHelp(found.group, host)));
    throw new WaybillError("invalid_argument", `unknown command: ${JSON.stringify(found.name)}`);
  }
  const name = `${found.group === "" ? "" : `${found.group} `}${found.command.name}`;
  const command = await found.command.load(`waybill ${name}`, { ...host, command: name });
  await parse(command, goArguments(found.args, command));
}

/** Lets commander find the nearest name. The help of so many commands would leave the error out of sight. */
async function refuse(name: string, host: Host): Promise<void> {
  const { knownCommands } = await import("./known-commands.ts");
  await parse(knownCommands(host), [name]);
}

/** commander's own refusals become usage errors; help that was asked for is no error. */
async function parse(command: Command, args: readonly string[]): Promise<void> {
  try {
    await command.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    if (error.exitCode === 0) return;
    const [sentence = "", ...more] = error.message.replace(/^error: /, "").split("\n");
    const suggestion = more.join(" ").replace(/^\(|\)$/g, "");
    const advice = suggestion === "" ? `see \`${command.name()} --help\`` : suggestion;
    throw new WaybillError("invalid_argument", inFlagWords(sentence), { advice }, { cause: error });
  }
}

/** What is not known in the words of Go's pflag, which scripts know from docker. */
function inFlagWords(sentence: string): string {
  const [, command] = /^unknown command '(.*)'$/s.exec(sentence) ?? [];
  if (command !== undefined) return `unknown command: ${JSON.stringify(command)}`;
  const [, long, shorts] = /^unknown option '(?:(--[^=]*).*|(-.*))'$/s.exec(sentence) ?? [];
  if (long !== undefined) return `unknown flag: ${long}`;
  return shorts === undefined ? sentence : `unknown shorthand flag: '${shorts.charAt(1)}' in ${shorts}`;
}

function isCommanderError(error: unknown): error is Error & { readonly code: string; readonly exitCode: number } {
  return (
    error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("commander.")
  );
}
