import type { Command } from "commander";
import type { Host } from "../host.ts";
import { addCommonOptions, addExamples, newCommand } from "../options.ts";
import { eraseLogin } from "../pending.ts";
import { registryNamed } from "./login.ts";

/** `waybill logout`: forgets what `login` stored. */
export function logoutCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS] [HOST]")
    .description("Remove the credential of a registry from docker's config.json and from its credential helper")
    .argument("[host]", "HOST or HOST:PORT; without it, Docker Hub");
  addCommonOptions(command);
  addExamples(command, ["Forget a registry", `${path} ghcr.io`]);
  return command.action(async (registry: string | undefined) => {
    host.stderr.write(`${await eraseLogin(registryNamed(registry), host)}\n`);
  });
}
