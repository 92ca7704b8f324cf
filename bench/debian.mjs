// Debian's docker-registry, where it is installed: what most registries are built on.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const command = "docker-registry";

export function hasDebians() {
  return !spawnSync(command, ["--version"]).error;
}

/** One of them, on a free port, with its files in memory where the machine has a place for that. */
export async function startDebian() {
  const memory = "/dev/shm";
  const folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "bench-registry-"));
  const data = join(folder, "data");
  const host = `127.0.0.1:${await freePort()}`;
  const url = `http://${host}`;
  const config = join(folder, "config.yml");
  writeFileSync(config, configOf(host, data));
  let child;
  const start = async () => {
    mkdirSync(data);
    child = spawn(command, ["serve", config], { stdio: "ignore" });
    await answering(url);
  };
  const stop = async () => {
    const closed = new Promise((resolve) => child.on("close", resolve));
    child.kill();
    await closed;
    rmSync(data, { recursive: true, force: true });
  };
  // Nobody outlives the bench, whatever becomes of it.
  process.once("exit", () => child.kill());
  await start();
  return {
    host,
    url,
    /** Begins anew, with nothing in it. */
    async empty() {
      await stop();
      await start();
    },
    /** Processor seconds since it last began; undefined where the system does not tell. */
    spentS: () => spentBy(child.pid),
    async close() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function spentBy(pid) {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return undefined;
  // Behind the name, which may hold anything: the 12th and 13th are ticks for itself and for the system on its behalf (proc_pid_stat(5)).
  const fields = readFileSync(file, "latin1").split(") ").at(-1).split(" ");
  const ticksPerS = 100;
  return (Number(fields[11]) + Number(fields[12])) / ticksPerS;
}

// JSON is YAML.
function configOf(addr, rootdirectory) {
  const log = { level: "error", accesslog: { disabled: true } };
  return JSON.stringify({ version: "0.1", log, storage: { filesystem: { rootdirectory } }, http: { addr } });
}

async function answering(url) {
  for (let tries = 0; tries < 250; tries++) {
    const isThere = await fetch(`${url}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isThere) return;
    await sleep(20);
  }
  throw new Error(`${command} does not answer at ${url}`);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
