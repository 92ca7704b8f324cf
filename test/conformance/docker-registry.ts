import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { nodeSend } from "./subjects.ts";
import type { Subject } from "./suite.ts";

/** Where Debian's registry is, if it is installed. */
export async function findDockerRegistry(path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const candidate = join(folder, "docker-registry");
    const isThere = await access(candidate).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  return undefined;
}

/** Starts it on a free port of loopback over a folder of its own, and ends it when disposed of. */
export async function startDockerRegistry(binary: string): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-docker-registry-"));
  const port = await freePort();
  const config = join(folder, "config.yml");
  await writeFile(config, configFor(folder, port));
  const child = spawn(binary, ["serve", config], { stdio: "ignore" });
  const base = `http://127.0.0.1:${port}`;
  const wire = nodeSend();
  await untilReady(child, base);
  return {
    send: wire.send,
    base,
    async [Symbol.asyncDispose]() {
      wire.close();
      if (child.exitCode === null && child.kill()) await once(child, "exit");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configFor(folder: string, port: number): string {
  return [
    "version: 0.1",
    "log: { level: error, accesslog: { disabled: true } }",
    `storage: { filesystem: { rootdirectory: ${JSON.stringify(join(folder, "data"))} }, delete: { enabled: true } }`,
    `http: { addr: "127.0.0.1:${port}", secret: conformance }`,
    "",
  ].join("\n");
}

async function untilReady(child: ChildProcess, base: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`);
    const answered = await fetch(`${base}/v2/`).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("docker-registry does not answer");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
