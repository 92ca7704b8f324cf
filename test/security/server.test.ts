import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { hashSync } from "bcryptjs";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import { runProgram } from "../../src/cli/program.ts";
import {
  basicAuth,
  bearerAuth,
  createMemoryStorage,
  createRegistry,
  parseHtpasswd,
  serve,
  type ServeOptions,
} from "../../src/server/index.ts";
import { digestOf } from "../../src/spec/digest.ts";
import { logFor } from "../support/log.ts";

const clock = systemClock();
const users = () => parseHtpasswd(["ann", "bob"].map((name) => `${name}:${hashSync(name, 4)}\n`).join(""), clock);
const basic = (name: string) => ({ authorization: `Basic ${Buffer.from(`${name}:${name}`).toString("base64")}` });
const blob = Buffer.from("<script>alert(1)</script>");
const digest = digestOf(blob);

async function started(options: Partial<ServeOptions> = {}, registry = createRegistry(createMemoryStorage())) {
  const errors: unknown[] = [];
  const server = await serve(registry, {
    host: "127.0.0.1",
    port: 0,
    clock,
    onError: (error) => errors.push(error),
    ...options,
  });
  return { ...server, errors, [Symbol.asyncDispose]: () => server.close() };
}

/** The status line of the answer to these very bytes; empty where there is none. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let seen = "";
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    seen += chunk.toString("latin1");
    if (seen.includes("\r\n\r\n")) socket.destroy();
  });
  socket.write(text);
  await once(socket, "close");
  return seen.split("\r\n")[0] ?? "";
}

const push = (url: string, repository: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/v2/${repository}/blobs/uploads/?digest=${digest}`, { method: "POST", body: blob, headers });

describe("S47 pages in the operator's browser", () => {
  test.each([
    "evil.example",
    "evil.example:5000",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
  ])("S47 a request to %s is not for us", async (host) => {
    await using server = await started();
    expect(await raw(server.address.port, `GET /v2/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toMatch(/^HTTP\/1.1 421 /);
  });

  test.each(["localhost", "LOCALHOST:1", "127.0.0.1:5000", "[::1]:5000"])("S47 one to %s is", async (host) => {
    await using server = await started();
    expect(await raw(server.address.port, `GET /v2/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /);
  });

  test.each(["https://evil.example", "null", "http://localhost.evil.example", "file://", "http://127.0.0.1:1"])(
    "S47 a page of %s may not even read",
    async (origin) => {
      await using server = await started();
      for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH"]) {
        const head = `${method} /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: 127.0.0.1:${server.address.port}\r\nOrigin: ${origin}\r\n`;
        expect(await raw(server.address.port, `${head}Content-Length: 0\r\n\r\n`)).toMatch(/^HTTP\/1.1 403 /);
      }
    },
  );

  test.each(["localhost:99999", "1.2.3.4.5", "999.1.1.1", "[::1", "[g::]", "a b", "a@b", "", "xn--0"])(
    "S47 a Host of %j is the client's mistake, and no fault of ours",
    async (host) => {
      await using server = await started({ allowHosts: ["1.2.3.4.5", "999.1.1.1", "xn--0"] });
      const auth = "Authorization: Basic eA==\r\n";
      const status = await raw(server.address.port, `GET /v2/ HTTP/1.1\r\nHost: ${host}\r\n${auth}\r\n`);
      expect(status).toMatch(/^HTTP\/1.1 4\d\d /);
      expect(server.errors).toEqual([]);
    },
  );

  test.each([
    "//evil.example/v2/",
    "/\\evil",
    "/%",
    "/%ff/%00",
    "/v2/../../etc/passwd",
    "/v2/a/manifests/../x",
    "/?#",
    "/v2/\u00e4",
  ])("S47 a target of %j is answered, and no fault of ours", async (target) => {
    await using server = await started();
    const status = await raw(server.address.port, `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect(status).toMatch(/^HTTP\/1.1 4\d\d /);
    expect(server.errors).toEqual([]);
  });

  test("S47 bound elsewhere without users the command line warns, with users it does not", async () => {
    const said = async (args: readonly string[]) => {
      let [stdout, stderr] = ["", ""];
      const stop = new AbortController();
      const until = (text: string) => {
        stdout += text;
        if (stdout.includes("listening on")) setImmediate(() => stop.abort());
      };
      await runProgram(["registry", "serve", ...args], {
        env: {},
        platform: "linux",
        homeDirectory: "/nonexistent",
        program: "waybill",
        nodeVersion: process.versions.node,
        version: "0.0.0",
        isPlugin: false,
        stdin: (async function* () {})(),
        stdout: { write: (text) => until(String(text)) },
        stderr: { write: (text) => (stderr += String(text)) },
        clock,
        random: () => 0,
        signal: stop.signal,
        log: logFor(),
      });
      return stderr;
    };
    expect(await said(["--listen", "0.0.0.0:0"])).toMatch(/^WARNING: .*--htpasswd/);
    expect(await said(["--listen", "127.0.0.1:0"])).toBe("");
  });
});

describe("S49 what a browser would run", () => {
  test("S49 a blob is a download, whatever it holds", async () => {
    await using server = await started();
    expect((await push(server.url, "a")).status).toBe(201);
    const { headers } = await fetch(`${server.url}/v2/a/blobs/${digest}`);
    expect(headers.get("content-type")).toBe("application/octet-stream");
    expect(headers.get("content-disposition")).toBe("attachment");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("S49 no answer about a name repeats it as a page", async () => {
    await using server = await started();
    for (const path of [
      "/<script>",
      "/v2/<script>/tags/list",
      "/v2/a/manifests/<script>",
      "/v2/a/blobs/<script>",
      "/token?service=<script>",
    ]) {
      const { headers } = await fetch(server.url + path);
      expect(headers.get("content-type")).toBe("application/json");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    }
  });

  test("S49 a manifest cannot be kept under a type of a page", async () => {
    await using server = await started();
    const url = `${server.url}/v2/a/manifests/x`;
    const answer = await fetch(url, { method: "PUT", body: "{}", headers: { "content-type": "text/html" } });
    expect(answer.status).toBe(400);
  });
});

test("S51 connections beyond the limit are closed, and those below it go on", async () => {
  await using server = await started({ maxConnections: 2 });
  const sockets = [1, 2, 3, 4].map(() => connect(server.address.port, "127.0.0.1"));
  const closed = sockets.slice(2).map((socket) => once(socket.resume(), "close"));
  await Promise.all(closed);
  expect(sockets.slice(0, 2).map((socket) => socket.destroyed)).toEqual([false, false]);
  for (const socket of sockets) socket.destroy();
});

const pem = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));
const tls = { cert: pem("cert.pem"), key: pem("key.pem") };

test.each([
  ["without TLS", {}, (port: number) => connect(port, "127.0.0.1")],
  ["with TLS", { tls }, (port: number) => connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })],
])("S51 a connection beyond the limit takes the place of the one that is idle longest, %s", async (_how, how, open) => {
  await using server = await started({ ...how, maxConnections: 3 });
  const asked = async () => {
    const socket = open(server.address.port);
    socket.write("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(socket, "data");
    return socket;
  };
  const underWay = open(server.address.port);
  underWay.write("GET /v2/ HTTP/1.1\r\n");

  let idle = await asked();
  for (let number = 0; number < 5; number++) {
    const gone = once(idle, "close");
    idle = await asked();
    await gone;
  }

  expect([underWay.destroyed, idle.destroyed]).toEqual([false, false]);
  for (const socket of [underWay, idle]) socket.destroy();
});

test("S51 a server that was full of requests has room again when one of them has ended", async () => {
  await using server = await started({ maxConnections: 1 });
  const first = connect(server.address.port, "127.0.0.1");
  first.write("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(first, "data");

  const refused = connect(server.address.port, "127.0.0.1").resume();
  await Promise.all([once(first, "close"), once(refused, "close")]);

  expect((await fetch(`${server.url}/v2/`)).status).toBe(200);
});

test.each([
  ["a length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["chunks before a length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"],
  ["two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"],
  ["a length with a sign", "Content-Length: +5\r\n\r\nhello"],
  ["an unknown coding before chunks", "Transfer-Encoding: x, identity\r\n\r\n"],
  ["a blank before the colon", "Content-Length : 5\r\n\r\nhello"],
  ["a chunk size that is none", "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"],
])("S53 a request with %s is refused", async (_what, rest) => {
  await using server = await started();
  const head = "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: localhost\r\n";
  const status = await raw(server.address.port, head + rest);
  expect(status).toMatch(/^(?:HTTP\/1.1 (?:400|501) .*|)$/);
});

describe("S55 uploads by the thousand", () => {
  test("S55 one user cannot open so many that nobody else can open one", async () => {
    const registry = createRegistry(createMemoryStorage(), { auth: basicAuth(users()) });
    const open = async (name: string) => {
      const value = `Basic ${Buffer.from(`${name}:${name}`).toString("base64")}`;
      const { Secret } = await import("../../src/http/send.ts");
      const { originOf } = await import("../../src/http/url.ts");
      const url = "http://r.example/v2/a/blobs/uploads/";
      await using response = await registry({
        method: "POST",
        url,
        authorization: { origin: originOf(url), value: new Secret(value) },
      });
      return response.status;
    };
    let status = 202;
    let opened = 0;
    for (; status === 202 && opened < 10_001; opened++) status = await open("ann");
    expect(status).toBe(429);
    expect(opened).toBeLessThan(5000);
    expect(await open("bob")).toBe(202);
  });

  test("S55 a body is cut where it goes over the limit, also without a length", async () => {
    await using server = await started({}, createRegistry(createMemoryStorage(), { maxRequestBytes: 1000 }));
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64)) });
    const request = { method: "POST", body: endless, duplex: "half" } as RequestInit;
    const status = await fetch(`${server.url}/v2/a/blobs/uploads/?digest=${digest}`, request).then(
      (answer) => answer.status,
      () => 413,
    );
    expect(status).toBe(413);
  });
});

describe("S56, S57 rights", () => {
  const token = async (url: string, user: string, scope: string) => {
    const answer = await fetch(`${url}/token?scope=${encodeURIComponent(scope)}`, { headers: basic(user) });
    const { token } = (await answer.json()) as { token: string };
    return { authorization: `Bearer ${token}` };
  };

  test("S56 a blob is read and mounted only with the right to its repository, and is gone when it is deleted", async () => {
    await using server = await started(
      {},
      createRegistry(createMemoryStorage(), { auth: bearerAuth(users(), { clock }) }),
    );
    const { url } = server;
    expect((await push(url, "secret", await token(url, "ann", "repository:secret:pull,push"))).status).toBe(201);
    const outsider = await token(url, "bob", "repository:open:pull,push");
    const path = (repository: string) => `${url}/v2/${repository}/blobs/${digest}`;
    expect((await fetch(path("secret"), { headers: outsider })).status).toBe(401);
    expect((await fetch(path("open"), { headers: outsider })).status).toBe(404);
    for (const from of ["&from=secret", ""]) {
      const mount = `${url}/v2/open/blobs/uploads/?mount=${digest}${from}`;
      expect((await fetch(mount, { method: "POST", headers: outsider })).status).toBe(from ? 401 : 202);
    }
    const owner = await token(url, "ann", "repository:secret:pull,push,delete");
    expect((await fetch(path("secret"), { method: "DELETE", headers: owner })).status).toBe(202);
    expect((await fetch(path("secret"), { headers: owner })).status).toBe(404);
  });

  test("S57 an upload is its owner's, in its repository", async () => {
    await using server = await started({}, createRegistry(createMemoryStorage(), { auth: basicAuth(users()) }));
    const { url } = server;
    const opened = await fetch(`${url}/v2/a/blobs/uploads/`, { method: "POST", headers: basic("ann") });
    const location = opened.headers.get("location") ?? "";
    expect(location).toMatch(/\/[0-9a-f]{32}$/);
    for (const method of ["GET", "PATCH", "DELETE"]) {
      expect((await fetch(url + location, { method, headers: basic("bob") })).status).toBe(404);
      expect((await fetch(url + location.replace("/a/", "/b/"), { method, headers: basic("ann") })).status).toBe(404);
    }
    expect((await fetch(url + location, { headers: basic("ann") })).status).toBe(204);
  });

  test("S58 a token that says how it is to be verified is not believed", async () => {
    await using server = await started(
      {},
      createRegistry(createMemoryStorage(), { auth: bearerAuth(users(), { clock }) }),
    );
    const { url } = server;
    const good = (await token(url, "ann", "repository:a:pull,push")).authorization.slice("Bearer ".length);
    const [, payload = "", signature = ""] = good.split(".");
    const headers = [{ alg: "none" }, { alg: "RS256" }, { alg: "HS256", kid: "/dev/null" }, { alg: "HS256", jwk: {} }];
    const forged = headers.map((header) =>
      Buffer.from(JSON.stringify({ typ: "JWT", ...header })).toString("base64url"),
    );
    const widened = Buffer.from(payload, "base64url").toString().replace('"name":"a"', '"name":"b"');
    const all = [
      ...forged.flatMap((header) => [`${header}.${payload}.`, `${header}.${payload}.${signature}`]),
      `${good.split(".")[0]}.${Buffer.from(widened).toString("base64url")}.${signature}`,
      `${good}.`,
      "a.b.c",
    ];
    for (const attempt of all) {
      const answer = await fetch(`${url}/v2/b/tags/list`, { headers: { authorization: `Bearer ${attempt}` } });
      expect(answer.status).toBe(401);
      expect((await fetch(`${url}/v2/a/tags/list`, { headers: { authorization: `Bearer ${attempt}` } })).status).toBe(
        401,
      );
    }
    expect((await fetch(`${url}/v2/a/tags/list`, { headers: { authorization: `Bearer ${good}` } })).status).toBe(404);
  });
});
