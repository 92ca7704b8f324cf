import type { Command } from "commander";
import type { Host } from "./host.ts";
import { newCommand } from "./options.ts";
import { groups } from "./route.ts";

/** A command that knows the names of all others and nothing more of them: commander finds the one that comes nearest to a name. */
export function knownCommands(host: Host): Command {
  const root = newCommand("waybill", host);
  for (const known of [...(groups[""] ?? []).map(({ name }) => name), ...Object.keys(groups)])
    if (known !== "") root.command(known);
  return root;
}
