import type { Command } from "commander";
import { nodeCredentialEnvironment } from "../../registry/credentials/environment.ts";
import { logout } from "../../registry/login.ts";
import { display } from "../../spec/display.ts";
import type { Host } from "../host.ts";
import { addCommonOptions, addExamples, newCommand } from "../options.ts";

/** `waybill logout`: forgets what `login` stored. */
export function logoutCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS] [HOST]")
    .description("Remove the credential of a registry from docker's config.json and from its credential helper")
    .argument("[host]", "HOST or HOST:PORT; without it, Docker Hub");
  addCommonOptions(command);
  addExamples(command, ["Forget a registry", `${path} ghcr.io`]);
  return command.action(async (registry = "docker.io") => {
    const name = display(String(registry));
    const had = await logout(String(registry), nodeCredentialEnvironment(host.env, host.homeDirectory));
    const said = had ? `Forgot the credential for ${name}\n` : `There was no credential for ${name}\n`;
    host.stderr.write(host.log.say(said));
  });
}
