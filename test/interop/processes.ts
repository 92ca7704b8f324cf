import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stateHome } from "../support/state-home.ts";

/** The built program, as its users run it. */
const waybillProgram = join(import.meta.dirname, "../../dist/cli/main.js");

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; never rejects for an exit code. */
export function runProgram(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(command, args, { env: { ...process.env, ...env }, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const exitCode = error ? (typeof error.code === "number" ? error.code : 255) : 0;
      resolve({ exitCode, stdout, stderr });
    });
  });
}

export function waybill(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  return runProgram(process.execPath, [waybillProgram, ...args], {
    XDG_STATE_HOME: stateHome(),
    XDG_CACHE_HOME: join(stateHome(), "cache"),
    ...env,
  });
}

export interface Server extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
}

/** Debian's registry on a free port of loopback, with its content in a folder that goes away with it. */
export async function startDockerRegistry(binary = "docker-registry"): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  const config = [
    "version: 0.1",
    "log: { level: error, accesslog: { disabled: true } }",
    `storage: { filesystem: { rootdirectory: ${folder} }, delete: { enabled: true } }`,
    `http: { addr: "${host}" }`,
  ];
  writeFileSync(join(folder, "config.yml"), config.join("\n"));
  const child = spawn(binary, ["serve", join(folder, "config.yml")], { stdio: "ignore" });
  await answering(`http://${host}/v2/`);
  return { host, [Symbol.asyncDispose]: async () => end(child, folder) };
}

/** `waybill registry serve` on a free port of loopback. */
export async function startWaybillRegistry(options: readonly string[] = ["--memory"]): Promise<Server> {
  const child = spawn(process.execPath, [waybillProgram, "registry", "serve", "--listen", "127.0.0.1:0", ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const host = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const match = /listening on https?:\/\/(\S+)/.exec(text);
      if (match?.[1]) resolve(match[1]);
    });
    child.on("exit", (code) => reject(new Error(`the registry ended with ${code}: ${text}`)));
  });
  return { host, [Symbol.asyncDispose]: async () => end(child) };
}

async function end(child: ChildProcess, folder?: string): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGTERM");
    await ended;
  }
  if (folder) rmSync(folder, { recursive: true, force: true });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

async function answering(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      await fetch(url);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`nothing answers at ${url}`);
}
