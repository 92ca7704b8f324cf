import type { Command } from "commander";
import { WaybillError } from "../../errors.ts";
import { examine, type Section } from "../../verbs/doctor.ts";
import { commandOptions } from "../context.ts";
import type { Host } from "../host.ts";
import {
  addColor,
  addCommonOptions,
  addExamples,
  addList,
  addReachOptions,
  addSwitch,
  newCommand,
  type RegistryFlags,
} from "../options.ts";
import { checkupJson, sectionText, tallyText, type CheckupLook } from "../show/checkup.ts";
import { wantsColor, type ColorMode } from "../show/color.ts";
import { onStderr, openShow } from "../show/show.ts";
import { stylesFor } from "../show/styles.ts";
import { symbolsFor } from "../show/symbols.ts";
import { trySpan } from "../telemetry/try-span.ts";

interface DoctorFlags extends RegistryFlags {
  readonly json?: boolean;
  readonly probe?: readonly string[];
  readonly color?: ColorMode;
}

/** `waybill doctor`: what would go wrong in a publish, found out before it. */
export function doctorCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS] [REFERENCE|HOST...]")
    .description(
      "Look at this machine and at registries, and say what would go wrong in a publish: versions, credentials, proxy, certificates; per registry name, connection, TLS, clock, rights, referrers, limits. Reads only",
    )
    .argument("[references...]", "Images, or registries as HOST; without any, the registries in docker's config");
  command.optionsGroup("Checks:");
  addList(
    command,
    "--probe <repository>",
    "Also open an upload there, send 1 KiB, ask its status and cancel it; repeatable",
  );
  addSwitch(command, "--json", "Print the result as JSON (schema/doctor-1.json)");
  addColor(command);
  addReachOptions(command);
  addCommonOptions(command);
  addExamples(
    command,
    ["Before the first release from a new runner", `${path} ghcr.io/acme/app:1.4.2 docker.io/acme/app:1.4.2`],
    ["Whether this account may really push", `${path} --probe ghcr.io/acme/app`],
    [
      "What stands in the way, for a script",
      `${path} --json | jq -r '.sections[].findings[] | select(.level == "failure").text'`,
    ],
  );
  return command.action((references: readonly string[], flags: DoctorFlags) => check(references, flags, host));
}

async function check(references: readonly string[], flags: DoctorFlags, host: Host): Promise<void> {
  const show = await openShow("quiet", onStderr(host));
  const context = await commandOptions(flags, host, show.report);
  const options = { ...context, runtime: runtimeOf(host), trySpan: () => trySpan(host) };
  const look = lookFor(host, flags.color);
  const sections: Section[] = [];
  for await (const section of examine({ references, probes: flags.probe ?? [] }, options)) {
    if (!flags.json) host.stdout.write((sections.length > 0 ? "\n" : "") + sectionText(section, look));
    sections.push(section);
  }
  host.stdout.write(flags.json ? checkupJson(sections) : `\n${tallyText(sections)}`);
  const failed = sections.flatMap(({ findings, subject }) =>
    findings
      .filter(({ level }) => level === "failure")
      .map(({ check }) => (subject === "" ? check : `${check} at ${subject}`)),
  );
  if (failed.length > 0)
    throw new WaybillError("check_failed", `Cannot publish like this: ${failed.join(", ")} failed`);
}

function runtimeOf({ version, nodeVersion, platform }: Host) {
  return { waybill: version, node: nodeVersion, platform };
}

function lookFor({ env, platform, stdout }: Host, color: ColorMode = "auto"): CheckupLook {
  const isTerminal = stdout.isTTY === true;
  return {
    columns: isTerminal ? (stdout.columns ?? 80) : Number.POSITIVE_INFINITY,
    styles: stylesFor(wantsColor(color, { env, isTerminal })),
    symbols: symbolsFor(env, platform),
  };
}
