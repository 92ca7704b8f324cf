import type { Command } from "commander";
import { openCommandContext } from "../context.ts";
import type { Host } from "../host.ts";
import {
  addCommonOptions,
  addExamples,
  addRegistryOptions,
  addSwitch,
  addValue,
  newCommand,
  type RegistryFlags,
} from "../options.ts";
import { inspect } from "../../verbs/inspect.ts";
import { writeResult } from "../result.ts";
import { onStderr, openShow } from "../show/show.ts";

interface InspectFlags extends RegistryFlags {
  readonly format?: string;
  readonly raw?: boolean;
}

/** `waybill inspect`, and `waybill imagetools inspect`. */
export function inspectCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS] NAME")
    .description("Show details of an image in a registry or an OCI layout")
    .argument("<name>", "Reference of the image");
  command.optionsGroup("Output:");
  addValue(command, "--format <template>", "Format the output with this Go template (default: {{.Manifest}})");
  addSwitch(command, "--raw", "Show the original, unformatted manifest, byte for byte");
  addRegistryOptions(command);
  addCommonOptions(command);
  addExamples(
    command,
    ["What an image consists of", `${path} alpine:3`],
    ["Its digest", `${path} --format '{{.Manifest.Digest}}' alpine:3`],
    ["The configuration of one platform", `${path} --format '{{json (index .Image "linux/arm64")}}' alpine:3`],
    ["The manifest's bytes, to verify or to keep", `${path} --raw alpine:3 | sha256sum`],
  );
  return command.action((name: string, flags: InspectFlags) => show(name, flags, host));
}

async function show(name: string, flags: InspectFlags, host: Host): Promise<void> {
  const news = await openShow("quiet", onStderr(host));
  await using context = await openCommandContext(flags, host, news.report);
  const shown = await inspect({ reference: name, raw: flags.raw === true, format: flags.format ?? "" }, context);
  writeResult(host.stdout, shown);
}
