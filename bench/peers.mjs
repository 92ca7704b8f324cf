// How other programs copy an image of several platforms, each at the setting that is fastest for it here.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** `commands` are run side by side: all that one process cannot do. `from` and each of `to` are references on loopback. */
export const peers = [
  {
    program: "docker-buildx",
    commands: (from, to) => [["imagetools", "create", ...to.flatMap((tag) => ["-t", tag]), from]],
  },
  {
    program: "oras",
    commands: eachAlone((from, to) => [
      "cp",
      "--recursive",
      "--concurrency=16",
      "--from-plain-http",
      "--to-plain-http",
      from,
      to,
    ]),
  },
  { program: "crane", commands: eachAlone((from, to) => ["copy", "--insecure", "--jobs=16", from, to]) },
  { program: "regctl", commands: eachAlone((from, to) => [...plainHttp([from, to]), "image", "copy", from, to]) },
  {
    program: "skopeo",
    commands: eachAlone((from, to) => [
      "copy",
      "--all",
      "--insecure-policy",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      `docker://${from}`,
      `docker://${to}`,
    ]),
  },
];

function eachAlone(command) {
  return (from, to) => to.map((one) => command(from, one));
}

function plainHttp(references) {
  return references.flatMap((reference) => ["--host", `reg=${reference.split("/")[0]},tls=disabled`]);
}

export function isInstalled({ program }) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** Seconds until all of the peer's commands are done, with nothing of the machine's own configuration. Throws where one fails. */
export async function timePeer({ program, commands }, from, to) {
  const home = mkdtempSync(join(tmpdir(), "bench-peer-"));
  const env = { PATH: process.env.PATH, HOME: home, DOCKER_CONFIG: home, REGCTL_CONFIG: join(home, "regctl.json") };
  const began = performance.now();
  await Promise.all(commands(from, to).map((args) => ended(program, args, env)));
  const seconds = (performance.now() - began) / 1000;
  rmSync(home, { recursive: true });
  return seconds;
}

async function ended(program, args, env) {
  const child = spawn(program, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => (said += chunk));
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${said}`);
}
