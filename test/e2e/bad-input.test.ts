import { execFileSync, type ChildProcess } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashSync } from "bcryptjs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import type { HttpResponse, Send } from "../../src/http/send.ts";
import { basicAuth, parseHtpasswd } from "../../src/server/index.ts";
import { digestOf } from "../../src/spec/digest.ts";
import { buildProgram, runCommand, type Finished, type Program, type RunOptions } from "../support/program.ts";
import { pushSmallImage, startRegistry, type RunningRegistry } from "../support/running-registry.ts";
import { selfSigned } from "../support/self-signed.ts";

let program: Program;
let registry: RunningRegistry;
let folder: string;

beforeAll(async () => {
  program = buildProgram();
  registry = await startRegistry();
  folder = mkdtempSync(join(tmpdir(), "waybill-"));
  await pushSmallImage(`${registry.host}/app:1`, "amd64");
}, 60_000);

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  program[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

const app = () => `${registry.host}/app:1`;

function run(args: readonly string[], options?: RunOptions): Promise<Finished> {
  return program.run(["create", "--progress", "quiet", ...args], options);
}

function expectFailure(seen: Finished, code: number | null, message: RegExp): void {
  expect(seen.stderr).toMatch(message);
  expect([seen.code, seen.stdout]).toEqual([code, ""]);
}

function dockerConfig(name: string, content: object): Readonly<Record<string, string>> {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "config.json"), JSON.stringify(content));
  return { DOCKER_CONFIG: path };
}

test("create without source is a usage error", async () => {
  expectFailure(await run(["-t", app()]), 2, /^ERROR: no sources specified/m);
});

test("create without tag is a usage error", async () => {
  expectFailure(await run([app()]), 2, /^ERROR: can't push with no tags specified, please set --tag or --dry-run/m);
});

test("create of a bad digest is a usage error", async () => {
  expectFailure(
    await run(["-t", app(), "sha256:abc"]),
    2,
    /^ERROR: failed to parse source "sha256:abc", valid sources are/m,
  );
});

test("create of a manifest given as descriptor is a usage error", async () => {
  const manifest = join(folder, "manifest.json");
  writeFileSync(manifest, JSON.stringify({ schemaVersion: 2, config: {}, layers: [] }));

  expectFailure(
    await run(["-t", app(), "-f", manifest]),
    2,
    /expected an OCI content descriptor, got a manifest or index/,
  );
});

test("create with a source file that is not there fails before anything is asked", async () => {
  expectFailure(
    await run(["-t", app(), "-f", "/nonexistent/x.json"]),
    1,
    /^ERROR: Cannot read source file .*: there is no such file$/m,
  );
});

test("create with a bad platform or annotation is a usage error", async () => {
  expectFailure(await run(["-t", app(), "-p", "a/b/c/d/e", app()]), 2, /^ERROR: invalid platform/m);
  expectFailure(await run(["-t", app(), "--annotation", "x", app()]), 2, /invalid annotation "x", expected key=value/);
});

/** Runs `waybill create`, with one of its outputs on a full disk. */
function runOnFullDisk(redirect: ">" | "2>", args: readonly string[]): Promise<Finished> {
  const command = [process.execPath, program.path, "create", ...args];
  return runCommand("sh", ["-c", `exec "$@" ${redirect}/dev/full`, "sh", ...command]);
}

test.runIf(existsSync("/dev/full"))("results for a full disk are no bug of ours", async () => {
  const { code, stderr } = await runOnFullDisk(">", ["--dry-run", app()]);
  expect(stderr).toMatch(/^ERROR: Cannot write to standard output: the disk is full$/m);
  expect(code).toBe(1);
});

test.runIf(existsSync("/dev/full"))("a full disk for what is told stops no publish", async () => {
  const target = `${registry.host}/mute:1`;
  expect((await runOnFullDisk("2>", ["-t", target, app()])).code).toBe(0);
  expect(await program.run(["inspect", target])).toMatchObject({ code: 0 });
});

test("create from an unknown host fails as the network", async () => {
  expectFailure(await run(["-t", app(), "registry.invalid/app:1"]), 8, /^ERROR: .*registry\.invalid/m);
}, 60_000);

test("create from a port that refuses fails as the network", async () => {
  expectFailure(await run(["-t", app(), "127.0.0.1:1/app:1"]), 8, /^ERROR: .*127\.0\.0\.1:1/m);
}, 60_000);

test("create with refused credentials fails as authentication", async () => {
  const passwords = parseHtpasswd(`me:${hashSync("right", 4)}\n`, systemClock());
  await using guarded = await startRegistry({ auth: basicAuth(passwords) });
  const wrong = { auths: { [guarded.host]: { auth: Buffer.from("me:wrong-secret").toString("base64") } } };

  const anonymous = await run(["-t", app(), `${guarded.host}/app:1`]);
  const refused = await run(["-t", app(), `${guarded.host}/app:1`], { env: dockerConfig("wrong", wrong) });

  expectFailure(anonymous, 4, /^ERROR: /m);
  expectFailure(refused, 4, /^ERROR: /m);
  expect(refused.stderr).not.toContain("wrong-secret");
});

test("create with a credential helper that is missing or fails, fails as authentication", async () => {
  const passwords = parseHtpasswd(`me:${hashSync("right", 4)}\n`, systemClock());
  await using guarded = await startRegistry({ auth: basicAuth(passwords) });
  const helper = join(folder, "docker-credential-broken");
  writeFileSync(helper, "#!/bin/sh\necho locked >&1\nexit 1\n");
  chmodSync(helper, 0o755);
  const path = `${folder}:${process.env["PATH"] ?? ""}`;
  const withHelper = (name: string) => ({ env: { ...dockerConfig(name, { credsStore: name }), PATH: path } });

  expectFailure(
    await run(["-t", app(), `${guarded.host}/app:1`], withHelper("missing")),
    4,
    /docker-credential-missing/,
  );
  expectFailure(await run(["-t", app(), `${guarded.host}/app:1`], withHelper("broken")), 4, /docker-credential-broken/);
});

test("create trusts a registry's own authority only when it is given", async ({ skip }) => {
  const tls = await selfSigned();
  if (!tls) {
    skip("openssl is not installed");
    return;
  }
  await using secure = await startRegistry({ tls });
  const authority = join(folder, "ca.pem");
  writeFileSync(authority, tls.cert);

  expectFailure(await run(["--dry-run", `${secure.host}/app:1`]), 1, /^ERROR: .*certificate/im);
  expectFailure(await run(["--dry-run", "--ca-file", authority, `${secure.host}/app:1`]), 6, /^ERROR: /m);
});

test("create of a manifest that is not there fails as not found", async () => {
  expectFailure(await run(["-t", app(), `${registry.host}/app:absent`]), 6, /^ERROR: .*absent/m);
});

test("create of docker's schema 1 is refused", async () => {
  const type = "application/vnd.docker.distribution.manifest.v1+json";
  const body = Buffer.from(JSON.stringify({ schemaVersion: 1, name: "app", tag: "1", fsLayers: [], history: [] }));
  const headers = { "content-type": type, "docker-content-digest": digestOf(body) };
  await using old = await startPage({ headers, body });

  expectFailure(await run(["--dry-run", `${old.host}/app:1`, app()]), 1, /schema ?1/i);
});

test("create tags nothing when a blob is corrupted on its way", async () => {
  const damaged = await startRegistry({ wrap: damagingBlobs });
  await using _damaged = damaged;
  await pushSmallImage(`${damaged.host}/app:1`, "amd64");

  const seen = await run(["-t", `${registry.host}/fresh:1`, `${damaged.host}/app:1`]);
  const tagged = await program.run(["inspect", `${registry.host}/fresh:1`]);

  expectFailure(seen, 1, /^ERROR: .*sha256:/m);
  expect(tagged.code).toBe(6);
}, 60_000);

test("create with a metadata file that cannot be written fails before anything is published", async () => {
  const seen = await run(["-t", `${registry.host}/unwritten:1`, "--metadata-file", "/nonexistent/out.json", app()]);
  const tagged = await program.run(["inspect", `${registry.host}/unwritten:1`]);

  expectFailure(seen, 1, /^ERROR: Cannot write metadata file "\/nonexistent\/out\.json": there is no such folder$/m);
  expect(tagged.code).toBe(6);
});

const small = join(tmpdir(), `waybill-small-${process.pid}`);

test("create into a layout on a full disk says so", async ({ skip }) => {
  try {
    mkdirSync(small);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8k", "tmpfs", small], { stdio: "ignore" });
  } catch {
    rmSync(small, { recursive: true, force: true });
    skip("a small disk cannot be mounted here");
  }
  try {
    expectFailure(
      await run(["-t", `oci-layout://${small}/layout:1`, app()]),
      1,
      /^ {2}why {3}.*(?:full|space|ENOSPC)/im,
    );
  } finally {
    execFileSync("umount", [small]);
    rmSync(small, { recursive: true, force: true });
  }
});

test("create from a host that answers with a login page says that it is no registry", async () => {
  const body = Buffer.from("<!doctype html><title>Log in</title>");
  await using page = await startPage({ headers: { "content-type": "text/html; charset=utf-8" }, body });

  expectFailure(await run(["-t", app(), `${page.host}/app:1`]), 1, /^ERROR: .*the answer is a web page\n {2}hint: /m);
});

test("create that fails on one of two registries exits with 3 once a tag has moved, else with the failure's own code", async () => {
  await using readOnly = await startRegistry({ readOnly: true });

  const targets = ["-t", `${registry.host}/moved:1`, "-t", `${readOnly.host}/moved:1`];
  const held = await run([...targets, app()]);
  const both = await run(["--on-error", "keep-going", ...targets, app()]);
  const only = await run(["-t", `${readOnly.host}/moved:1`, app()]);

  expectFailure(both, 3, /^✗ failed: 1 of 2 tags written \(exit 3\)[^]*^ {2}why {3}127\.0\.0\.1:\d+\/moved: /m);
  expect(both.stderr).not.toContain("ERROR");
  expect(only.code).not.toBe(3);
  expect(only.code).toBeGreaterThan(0);
  expect(held.code).toBe(only.code);
  expect(held.stderr).toContain("held back: another target failed");
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  // By the signal itself, of which shells make 129.
  ["SIGHUP", null],
] as const)("create ended by %s exits with %j and says so", async (signal, code) => {
  let arrived: (() => void) | undefined;
  const asked = new Promise<void>((resolve) => (arrived = resolve));
  await using silentHost = await startPage({ onRequest: () => arrived?.() });

  const seen = await run(["-t", app(), `${silentHost.host}/app:1`], {
    onStart: (child) => void asked.then(() => child.kill(signal)),
  });

  expectFailure(seen, code, new RegExp(`^ERROR: .*${signal}`, "m"));
});

test.each([
  ["explain", []],
  ["create", ["-t", "127.0.0.1:1/app:1", "-f"]],
])("%s that waits for a named pipe is ended by a second signal", async (command, args) => {
  const pipe = join(folder, `${command}.pipe`);
  execFileSync("mkfifo", [pipe]);
  // Opened once the other side reads.
  const opened = open(pipe, "w");
  const interruptTwice = async (child: ChildProcess) => {
    await opened;
    child.kill("SIGINT");
    child.kill("SIGTERM");
  };

  const seen = await program.run([command, ...args, pipe], { onStart: (child) => void interruptTwice(child) });

  expect(seen).toEqual({ code: null, stdout: "", stderr: "" });
  await (await opened).close();
});

test.each([
  ["create --dry-run -f -", "source from standard input"],
  ["login x.example -u me --password-stdin", "password from standard input"],
  ["explain -", "standard input"],
])("%s says that standard input is a folder", async (args, what) => {
  const words = ['"$0" "$@" </', process.execPath, program.path, ...args.split(" ")];

  const seen = await runCommand("sh", ["-c", ...words]);

  expectFailure(seen, 1, new RegExp(`^ERROR: Cannot read ${what}: it is a folder$`, "m"));
});

test("inspect is quiet when whoever reads it has gone", async () => {
  const seen = await program.run(["inspect", app()], { onStart: (child) => child.stdout?.destroy() });

  expect(seen).toEqual({ code: 0, stdout: "", stderr: "" });
});

interface Page {
  readonly headers?: Readonly<Record<string, string>>;
  /** Without it, no request is ever answered. */
  readonly body?: Uint8Array;
  readonly onRequest?: () => void;
}

async function startPage(page: Page): Promise<{ readonly host: string } & AsyncDisposable> {
  const server = createServer((_request, response) => {
    page.onRequest?.();
    if (page.body) response.writeHead(200, page.headers).end(page.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Blobs come with one bit changed. */
function damagingBlobs(next: Send): Send {
  return async (request) => {
    const response = await next(request);
    return request.method === "GET" && /\/blobs\/sha256:/.test(request.url) ? damaged(response) : response;
  };
}

function damaged(response: HttpResponse): HttpResponse {
  async function* flipped() {
    for await (const chunk of response.body) {
      const copy = Buffer.from(chunk);
      copy[copy.length - 1]! ^= 1;
      yield copy;
    }
  }
  return { ...response, body: flipped(), [Symbol.asyncDispose]: () => response[Symbol.asyncDispose]() };
}
