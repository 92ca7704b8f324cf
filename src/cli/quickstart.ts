// `npm run quickstart`: the whole way of an image through three registries on this machine, without any network.
import { spawn, type StdioOptions } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { sleep, systemClock } from "../async/clock.ts";
import { WaybillError } from "../errors.ts";
import { createMemoryStorage, createRegistry, serve, type RunningServer } from "../server/index.ts";
import { parseReference } from "../spec/reference.ts";
import { silent } from "../telemetry/events.ts";
import { quoted } from "../verbs/explain/shell-words.ts";
import { openCommandContext } from "./context.ts";
import { exitCodeOf } from "./exit-code.ts";
import { failureText } from "./failure.ts";
import { createInterrupts } from "./interrupts.ts";
import { logAsked } from "./log/asked.ts";
import { openLog } from "./log/log.ts";
import { processHost } from "./process-host.ts";
import { buildImage, pushImage } from "./quickstart/image.ts";
import type { TarFile } from "./quickstart/tar.ts";

const interrupts = createInterrupts({ clock: systemClock(), exit: (code) => process.exit(code) });
process.on("SIGINT", () => interrupts.interrupt("SIGINT"));
process.on("SIGTERM", () => interrupts.interrupt("SIGTERM"));
const log = openLog({ asked: logAsked([]), now: Date.now, placeOf: () => undefined });
const host = { ...processHost({ version: "quickstart", isPlugin: false, signal: interrupts.signal }), log };
const folder = dirname(host.program);
// On loopback it would all be over before anybody has seen it.
const lateMs = 100;

void quickstart(process.argv.includes("--keep")).then((code) => process.exit(code));

async function quickstart(keep: boolean): Promise<number> {
  const registries: RunningServer[] = [];
  // What is published here is forgotten with its registries.
  const state = await mkdtemp(join(tmpdir(), "waybill-quickstart-"));
  process.env["XDG_STATE_HOME"] = state;
  process.env["XDG_CACHE_HOME"] = state;
  try {
    for (let count = 0; count < 3; count++) registries.push(await startRegistry());
    await show(registries, keep);
    return 0;
  } catch (error) {
    if (!interrupts.signal.aborted) say(failureText(error));
    return interrupts.exitCode() ?? exitCodeOf(error);
  } finally {
    await Promise.all(registries.map((registry) => registry.close()));
    await rm(state, { recursive: true, force: true });
  }
}

function startRegistry(): Promise<RunningServer> {
  const registry = createRegistry(createMemoryStorage());
  const send: typeof registry = async (request) => {
    await sleep(host.clock, lateMs, request.signal);
    return registry(request);
  };
  return serve(send, { host: "127.0.0.1", port: 0, clock: host.clock, maxConnections: 512 });
}

async function show(registries: readonly RunningServer[], keep: boolean): Promise<void> {
  const [builds = "", staging = "", production = ""] = registries.map(({ url }) => url.replace("http://", ""));
  say(`Three registries are running: ${builds}, ${staging} and ${production}\n`);
  say(`Each answers ${lateMs} ms late, as if it were far away.\n`);
  const sources = await pushBuilds(`${builds}/builds/app`);
  const targets = [`${staging}/staging/app`, `${production}/acme/app`];
  const tags = targets.flatMap((target) => ["-t", `${target}:1.0`, "-t", `${target}:latest`]);
  await waybill("create", ...tags, ...sources);
  for (const target of targets) await waybill("inspect", `${target}:1.0`);
  const digests = new Set<string>();
  for (const target of targets) digests.add(await digestAt(`${target}:latest`));
  if (digests.size !== 1) {
    throw new WaybillError(
      "internal",
      `Cannot finish quickstart: the registries hold different images: ${[...digests].join(", ")}`,
    );
  }
  say(`\nBoth registries hold the same image: ${[...digests].join("")}\n`);
  await (keep ? stay() : say("To repeat these commands by hand: npm run quickstart -- --keep\n"));
}

async function pushBuilds(repository: string): Promise<readonly string[]> {
  say(`Pushing this program as an image for linux/amd64 and one for linux/arm64 to ${repository}\n`);
  const files = await programFiles();
  await using context = await openCommandContext({}, host, silent);
  const store = await context.open(parseReference(repository).location);
  const architectures = ["amd64", "arm64"];
  for (const architecture of architectures) {
    await pushImage(buildImage(architecture, files), store, `1.0-${architecture}`, host.signal);
  }
  return architectures.map((architecture) => `${repository}:1.0-${architecture}`);
}

async function programFiles(): Promise<readonly TarFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = paths.sort().map(async (path): Promise<TarFile> => {
    const name = relative(folder, path).replaceAll("\\", "/");
    return { path: `opt/waybill/cli/${name}`, content: await readFile(path), executable: name === "main.js" };
  });
  return Promise.all(files);
}

/** Runs the real program in sight of the user, in words that can be typed again. */
async function waybill(...args: readonly string[]): Promise<void> {
  say(`\n$ node ${relative(process.cwd(), join(folder, "main.js"))} ${args.map(quoted).join(" ")}\n`);
  await run(args, "inherit");
}

async function digestAt(reference: string): Promise<string> {
  return run(["inspect", "--format", "{{.Manifest.Digest}}", reference], ["ignore", "pipe", "inherit"]);
}

async function run(args: readonly string[], stdio: StdioOptions): Promise<string> {
  interrupts.signal.throwIfAborted();
  const child = spawn(process.execPath, [join(folder, "main.js"), ...args], { stdio });
  const stop = () => child.kill("SIGTERM");
  interrupts.signal.addEventListener("abort", stop, { once: true });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number>((resolve) => child.on("close", (status) => resolve(status ?? 70)));
  interrupts.signal.removeEventListener("abort", stop);
  interrupts.signal.throwIfAborted();
  if (code !== 0)
    throw new WaybillError("partial", `Cannot finish quickstart: "waybill ${args[0]}" ended with exit code ${code}`);
  return output.trim();
}

/** Waits for Ctrl-C, so that the commands can be repeated. */
async function stay(): Promise<void> {
  say("The registries stay until Ctrl-C.\n");
  const idle = setInterval(() => undefined, 60_000);
  await new Promise((resolve) => interrupts.signal.addEventListener("abort", resolve, { once: true }));
  clearInterval(idle);
}

function say(text: string): void {
  process.stdout.write(text);
}
