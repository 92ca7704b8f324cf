import type { Command } from "commander";
import type { Host } from "../host.ts";
import { addCommonOptions, newCommand } from "../options.ts";

/** `waybill version`: the same line as `waybill --version`. */
export function versionCommand(path: string, host: Host): Command {
  const command = addCommonOptions(newCommand(path, host).description("Show the version"));
  return command.action(() => void host.stdout.write(`waybill ${host.version}\n`));
}
