import { lstat, readFile, readlink, realpath, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { codeOf } from "../../disk/durable.ts";
import { makeFolders } from "../../disk/folders.ts";
import { WaybillError } from "../../errors.ts";
import type { Host } from "../host.ts";
import { addCommonOptions, addExamples, addSwitch, newCommand } from "../options.ts";
import { reasonOf } from "../reason.ts";

/** `waybill plugin install`: links the running program into docker's plugin folder. */
export function pluginInstallCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS]")
    .description(
      "Make `docker waybill` work: link waybill into the cli-plugins folder of docker's configuration ($DOCKER_CONFIG, or ~/.docker)",
    );
  addSwitch(command, "--imagetools", "Also link as docker-imagetools, for `docker imagetools create` and `inspect`");
  addCommonOptions(command);
  addExamples(
    command,
    ["Then: docker waybill create …", path],
    ["Also: docker imagetools create …", `${path} --imagetools`],
  );
  return command.action(async (flags: { readonly imagetools?: boolean }) => {
    const names = flags.imagetools ? ["docker-waybill", "docker-imagetools"] : ["docker-waybill"];
    for (const name of names) host.stdout.write(`${await install(name, host)}\n`);
  });
}

/** @returns what was done, as a sentence. */
async function install(name: string, host: Host): Promise<string> {
  if (host.platform === "win32") {
    throw new WaybillError(
      "unsupported",
      `Cannot install "${name}": on Windows docker takes only .exe files as plugins`,
      {
        advice: "run `waybill` itself; it takes the same commands",
      },
    );
  }
  const folder = join(host.env["DOCKER_CONFIG"] || join(host.homeDirectory, ".docker"), "cli-plugins");
  const link = join(folder, name);
  try {
    await makePluginFolder(folder);
    return await place(link, host.program);
  } catch (error) {
    if (error instanceof WaybillError) throw error;
    throw new WaybillError("io_failed", `Cannot link "${link}": ${reasonOf(error)}`, {}, { cause: error });
  }
}

async function makePluginFolder(folder: string): Promise<void> {
  try {
    await makeFolders(folder, 0o755);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    // It may be a folder further up that cannot be made.
    const { path = folder } = error as NodeJS.ErrnoException;
    throw inTheWay(`Cannot make folder "${path}": something that is no folder is there`);
  }
}

function inTheWay(message: string): WaybillError {
  return new WaybillError("precondition_failed", message, { advice: "move it away, then run this again" });
}

async function place(link: string, program: string): Promise<string> {
  const present = await lstat(link).catch(() => undefined);
  if (present && !present.isSymbolicLink()) {
    throw inTheWay(`Cannot link "${link}": a file that is not ours is there`);
  }
  if (present && (await readlink(link)) === program) return `${link} is in place already`;
  if (present && !(await isReplaceable(link))) {
    throw inTheWay(`Cannot link "${link}": a link that is not ours is there, to ${await readlink(link)}`);
  }
  // Renamed into place, so that docker never sees it missing.
  const temporary = `${link}.${process.pid}.tmp`;
  await symlink(program, temporary);
  await rename(temporary, link);
  return `linked ${link} to ${program}`;
}

/** Whether it leads nowhere, or to this program as another folder holds it. */
async function isReplaceable(link: string): Promise<boolean> {
  try {
    return await isWaybill(await realpath(link));
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return true;
  }
}

async function isWaybill(program: string): Promise<boolean> {
  if (!program.endsWith(join("dist", "cli", "main.js"))) return false;
  const about = await readFile(join(program, "../../../package.json"), "utf8").catch(() => "");
  return /"name":\s*"waybill"/.test(about);
}
