import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { answerWith, evilHost, type EvilHost } from "../support/evil-host.ts";
import { basicEntry } from "../support/hosts.ts";
import { runInProcess } from "../support/in-process.ts";
import { selfSigned } from "../support/self-signed.ts";

let home: string;
beforeAll(() => (home = mkdtempSync(join(tmpdir(), "waybill-tls-"))));
afterAll(() => rmSync(home, { recursive: true }));

const body = `{"schemaVersion":2,"mediaType":"${mediaTypes.ociIndex}","manifests":[]}`;

async function secureHost(): Promise<EvilHost | undefined> {
  const tls = await selfSigned();
  return (
    tls &&
    evilHost(
      (_arrived, response) => answerWith(response, 200, { headers: { "content-type": mediaTypes.ociIndex }, body }),
      { tls },
    )
  );
}

test("S15 NODE_TLS_REJECT_UNAUTHORIZED=0 opens nothing, and one warning names the flag that does", async ({ skip }) => {
  const host = await secureHost();
  if (!host) {
    skip("openssl is not installed");
    return;
  }
  await using _host = host;
  const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  try {
    const refused = await runInProcess(["inspect", `${host.host}/app:1`], { env });
    const ran = await runInProcess(["create", "--dry-run", "--progress", "plain", `${host.host}/app:1`], { env });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/Cannot trust/);
    expect(ran.stderr.match(/^WARNING: NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored.*--insecure HOST/gm)).toHaveLength(1);
    expect(host.arrived).toEqual([]);
  } finally {
    delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  }
});

test("S15 --insecure is for the host that it names, and for no other port of it", async ({ skip }) => {
  const host = await secureHost();
  if (!host) {
    skip("openssl is not installed");
    return;
  }
  await using _host = host;
  const run = (insecure: string) => runInProcess(["inspect", "--raw", "--insecure", insecure, `${host.host}/app:1`]);
  expect((await run(host.host)).stdout).toBe(body);
  for (const other of ["127.0.0.1", `localhost:${host.port}`, `127.0.0.1:${host.port - 1}`])
    expect((await run(other)).stderr).toMatch(/Cannot trust/);
});

test("S15 a registry that is not on loopback is never spoken to in plain HTTP", async () => {
  const bytes: Buffer[] = [];
  await using proxy = await evilHost(() => undefined);
  // A tunnel in which the other end speaks no TLS: what arrives there is a handshake or nothing.
  const { createServer } = await import("node:net");
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.on("data", (chunk: Buffer) => (bytes.push(chunk), socket.end("HTTP/1.1 200 OK\r\n\r\n")));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const env = { https_proxy: `http://127.0.0.1:${port}`, http_proxy: `http://${proxy.host}`, DOCKER_CONFIG: home };
  writeFileSync(join(home, "config.json"), JSON.stringify({ auths: { "r.example": basicEntry("me", "canary") } }));
  const ran = await runInProcess(["inspect", "--timeout", "3s", "r.example/app:1"], { env });
  expect(ran.stderr).toMatch(/Cannot speak TLS/);
  expect(bytes.length).toBeGreaterThan(0);
  expect(bytes.every((chunk) => chunk[0] === 0x16)).toBe(true);
  expect(proxy.arrived).toEqual([]);
  await new Promise((resolve) => server.close(resolve));
});

test("S15 a port on loopback that speaks TLS is shown no credential in plain HTTP", async ({ skip }) => {
  const host = await secureHost();
  if (!host) {
    skip("openssl is not installed");
    return;
  }
  await using _host = host;
  const plain: string[] = [];
  // Stands before the port and listens in.
  const { createServer } = await import("node:net");
  const tap = createServer((socket) => {
    const on = connect(host.port, "127.0.0.1");
    socket.on("error", () => undefined);
    on.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => plain.push(chunk.toString("latin1")));
    socket.pipe(on).pipe(socket);
  });
  await new Promise<void>((resolve) => tap.listen(0, "127.0.0.1", resolve));
  const name = `127.0.0.1:${(tap.address() as { port: number }).port}`;
  writeFileSync(join(home, "config.json"), JSON.stringify({ auths: { [name]: basicEntry("me", "canary") } }));
  await runInProcess(["inspect", "--insecure", name, `${name}/app:1`], { env: { DOCKER_CONFIG: home } });
  expect(plain.join("")).not.toMatch(/authorization|canary/i);
  await new Promise((resolve) => tap.close(resolve));
});

test("S11 the file that login writes is for its owner only", async () => {
  await using host = await evilHost((_arrived, response) => answerWith(response, 200, { body: "{}" }));
  const folder = join(home, "new");
  const args = ["login", host.host, "-u", "me", "--password-stdin"];
  const ran = await runInProcess(args, { env: { DOCKER_CONFIG: folder }, input: "secret" });
  expect(ran.code).toBe(0);
  expect(statSync(join(folder, "config.json")).mode & 0o777).toBe(0o600);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});
