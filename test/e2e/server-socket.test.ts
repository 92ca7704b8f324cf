import { EventEmitter, once } from "node:events";
import { get } from "node:https";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import type { Send } from "../../src/http/send.ts";
import {
  createMemoryStorage,
  createRegistry,
  faulty,
  serve,
  type Fault,
  type RunningServer,
} from "../../src/server/index.ts";
import { digestOf } from "../../src/spec/digest.ts";
import { Client, withDigest } from "../conformance/client.ts";
import { nodeSend } from "../conformance/subjects.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { selfSigned } from "../support/self-signed.ts";

const clock = systemClock();
let server: RunningServer;
let wire: ReturnType<typeof nodeSend>;
let client: Client;
let errors: unknown[];

async function start(send: Send): Promise<void> {
  errors = [];
  server = await serve(send, { host: "127.0.0.1", port: 0, clock, onError: (error) => errors.push(error) });
  wire = nodeSend();
  client = new Client(wire.send, server.url);
}

beforeEach(() => start(createRegistry(createMemoryStorage())));
afterEach(async () => {
  wire.close();
  await server.close();
});

/** What the server says to these very bytes, until it ends the connection or `until` has come. */
async function raw(text: string, until = /\r\n\r\n/): Promise<string> {
  const socket: Socket = connect(server.address.port, "127.0.0.1");
  let seen = "";
  socket.on("data", (chunk: Buffer) => {
    seen += chunk.toString("latin1");
    if (until.test(seen)) socket.destroy();
  });
  socket.on("error", () => undefined);
  socket.write(text);
  await once(socket, "close");
  return seen;
}

describe("serve", () => {
  test("serve refuses a request that says its length in two ways", async () => {
    const head = "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: localhost\r\n";
    expect(await raw(`${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 400 /,
    );
    expect(await raw(`${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`)).toMatch(/^HTTP\/1.1 400 /);
    expect(await raw("GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n")).toMatch(/^HTTP\/1.1 (?:200|400) /);
  });

  test("serve refuses headers above 16 KiB", async () => {
    expect(await raw(`GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(17_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 431 /,
    );
  });

  test("serve answers a page that has pointed its own name here by 421, one of another origin by 403", async () => {
    expect(await raw("GET /v2/ HTTP/1.1\r\nHost: evil.example\r\n\r\n")).toMatch(/^HTTP\/1.1 421 /);
    expect(await raw("GET /v2/ HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n")).toMatch(
      /^HTTP\/1.1 403 /,
    );
  });

  test("serve answers a method that no registry has by 501", async () => {
    expect(await raw("TRACE /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n")).toMatch(/^HTTP\/1.1 501 /);
  });

  test("serve takes a body in chunks of unknown length", async () => {
    const location = await client.openUpload("a");
    const head = `PATCH ${location} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect(await raw(`${head}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 202 [^]*\r\nrange: 0-10\r\n/i,
    );
  });

  test("serve refuses a chunk of unknown length that is not what its range says, and keeps what came", async () => {
    const location = await client.openUpload("a");
    const head = `PATCH ${location} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Range: 0-99\r\n\r\n`;
    expect(await raw(`${head}5\r\nhello\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 [^]*\r\nrange: 0-4\r\n/i);
    expect((await client.ask("GET", location)).headers.get("range")).toBe("0-4");
  });

  test("serve answers before a body has come whole, and uses the connection again after it", async () => {
    await server.close();
    await start(createRegistry(createMemoryStorage(), { maxRequestBytes: 100_000 }));
    const location = await client.openUpload("a");
    const chunk = `${(50_000).toString(16)}\r\n${"x".repeat(50_000)}\r\n`;
    const upload = `PATCH ${location} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}0\r\n\r\n`;
    const seen = await raw(`${upload}GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n`, /\{\}$/);
    expect([...seen.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1])).toEqual(["413", "200"]);
  });

  test("serve uses a connection again, also after a HEAD, a 304 and a 204", async () => {
    const digest = await client.pushBlob("a", Buffer.from("hello"));
    const requests = [
      `HEAD /v2/a/blobs/${digest} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      `GET /v2/a/blobs/${digest} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: "${digest}"\r\n\r\n`,
      `GET ${await client.openUpload("a")} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      `GET /v2/a/blobs/${digest} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    ];
    const seen = await raw(requests.join(""), /\r\n\r\nhello/);
    expect([...seen.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1])).toEqual(["200", "304", "204", "200"]);
  });

  test("serve lets a client leave in the middle of a blob, and goes on", async () => {
    const digest = await client.pushBlob("a", Buffer.alloc(8_000_000, 1));
    await raw(`GET /v2/a/blobs/${digest} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect((await client.ask("GET", "/v2/")).status).toBe(200);
    expect(errors).toEqual([]);
  });

  test("serve answers a bug by 500 and reports it", async () => {
    await server.close();
    await start(async () => {
      throw new TypeError("a bug");
    });
    expect((await client.ask("GET", "/v2/")).status).toBe(500);
    expect(errors).toEqual([new TypeError("a bug")]);
  });

  test("serve answers a bug by 500 also where its listener throws", async () => {
    await server.close();
    const send: Send = () => Promise.reject(new TypeError("a bug"));
    const onError = () => {
      throw new Error("a bug in the listener");
    };
    server = await serve(send, { host: "127.0.0.1", port: 0, clock, onError });
    expect(await raw("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n")).toMatch(/^HTTP\/1.1 500 /);
  });

  test("serve breaks the connection when an answer breaks off", async () => {
    await server.close();
    const send = createRegistry(createMemoryStorage());
    await start(faulty(send, [{ method: "GET", path: "/blobs/sha", fault: { kind: "cut", afterBytes: 3 } }]));
    const digest = await client.pushBlob("a", Buffer.from("hello"));
    await expect(client.ask("GET", `/v2/a/blobs/${digest}`)).rejects.toThrow(/aborted/);
    expect((await client.ask("GET", `/v2/a/blobs/${digest}`)).bytes.toString()).toBe("hello");
  });

  test("serve ends the connection when an answer is shorter than it says, but not after a HEAD", async () => {
    await server.close();
    const send = createRegistry(createMemoryStorage());
    await start(faulty(send, [{ method: "GET", path: "/blobs/sha", fault: { kind: "truncate", afterBytes: 3 } }]));
    const digest = await client.pushBlob("a", Buffer.from("hello"));
    expect((await client.ask("HEAD", `/v2/a/blobs/${digest}`)).headers.get("content-length")).toBe("5");
    await expect(client.ask("GET", `/v2/a/blobs/${digest}`)).rejects.toThrow(/aborted/);
    expect((await client.ask("GET", `/v2/a/blobs/${digest}`)).bytes.toString()).toBe("hello");
  });

  test.each<Fault>([{ kind: "refuse" }, { kind: "lose-answer" }, { kind: "cut-upload", afterBytes: 2 }])(
    "serve resets the connection on demand, and calls that no bug: %j",
    async (fault) => {
      await server.close();
      await start(faulty(createRegistry(createMemoryStorage()), [{ method: "PUT", fault }]));
      const bytes = Buffer.from("hello");
      const location = await client.openUpload("a");
      await expect(client.ask("PUT", withDigest(location, digestOf(bytes)), { body: bytes })).rejects.toThrow(
        /ECONNRESET|socket hang up/,
      );
      expect(errors).toEqual([]);
    },
  );

  test("serve falls silent on demand, until the client has gone", async () => {
    await server.close();
    const send = createRegistry(createMemoryStorage());
    await start(faulty(send, [{ method: "GET", path: "/blobs/sha", fault: { kind: "stall", afterBytes: 3 } }]));
    const digest = await client.pushBlob("a", Buffer.from("hello"));
    expect(await raw(`GET /v2/a/blobs/${digest} HTTP/1.1\r\nHost: localhost\r\n\r\n`, /hel$/)).toMatch(/\r\n\r\nhel$/);
    expect(errors).toEqual([]);
  });

  test("serve passes on every header of an answer, also such as come twice", async () => {
    await server.close();
    const headers = { warning: '299 - "old"', "retry-after": "3" };
    await start(faulty(createRegistry(createMemoryStorage()), [{ fault: { kind: "status", status: 429, headers } }]));
    const answer = await client.ask("GET", "/v2/");
    expect([answer.status, answer.headers.get("warning"), answer.headers.get("retry-after")]).toEqual([
      429,
      '299 - "old"',
      "3",
    ]);
  });

  test("serve takes no more requests once it is closed, and can be closed twice", async () => {
    await client.ask("GET", "/v2/");
    await Promise.all([server.close(), server.close()]);
    await expect(client.ask("GET", "/v2/")).rejects.toThrow();
  });

  test("serve is closed as soon as the last answer has left, also to a client that keeps its connection", async () => {
    await server.close();
    const registry = createRegistry(createMemoryStorage());
    let go = () => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    const asked = new EventEmitter();
    const send: Send = async (request) => {
      asked.emit("request");
      await gate;
      return registry(request);
    };
    server = await serve(send, { host: "127.0.0.1", port: 0, clock: fakeClock() });
    const get = "GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const arrival = once(asked, "request");
    const seen = raw(get + get, /(?!)/);
    await arrival;

    const closing = server.close();
    go();
    await closing;

    expect([...(await seen).matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1])).toEqual(["200", "200"]);
  });

  test.each(["plain", "TLS"])("serve waits for no client that has connected and said nothing: %s", async (kind) => {
    const tls = kind === "TLS" ? await selfSigned() : undefined;
    const send = createRegistry(createMemoryStorage());
    const silent = await serve(send, { host: "127.0.0.1", port: 0, clock: fakeClock(), ...(tls && { tls }) });
    const socket = connect(silent.address.port, "127.0.0.1");
    socket.on("error", () => undefined);
    const ended = new Promise((resolve) => socket.once("close", resolve));
    await once(socket, "connect");

    await silent.close();
    await ended;
  });

  test("serve ends a TLS handshake that gets no further when the grace is over", async (context) => {
    const tls = await selfSigned();
    context.skip(!tls, "skipped: no openssl to make a certificate with");
    if (!tls) return;
    const slow = fakeClock();
    const send = createRegistry(createMemoryStorage());
    const secure = await serve(send, { host: "127.0.0.1", port: 0, clock: slow, tls });
    const socket = connect(secure.address.port, "127.0.0.1");
    socket.on("error", () => undefined);
    const ended = new Promise((resolve) => socket.once("close", resolve));
    // The beginning of a ClientHello of 256 bytes.
    await new Promise((resolve) => socket.write(Buffer.from([22, 3, 1, 1, 0, 1]), resolve));

    const closing = secure.close();
    slow.advance(2_000);
    await closing;
    await ended;
  });

  test("serve fails with io_failed where the port is taken", async () => {
    await expect(
      serve(async () => Promise.reject(new Error()), { host: "127.0.0.1", port: server.address.port, clock }),
    ).rejects.toMatchObject({
      code: "io_failed",
      message: expect.stringContaining("EADDRINUSE"),
      context: { advice: "another program listens there; port 0 picks a free one" },
    });
  });

  test("serve leaves nothing listening where its caller fails on hearing of it", async () => {
    const { url, port } = { url: server.url, port: server.address.port };
    await server.close();
    const onListening = () => {
      throw new Error("a bug in the caller");
    };
    const send = createRegistry(createMemoryStorage());
    await expect(serve(send, { host: "127.0.0.1", port, clock, onListening })).rejects.toThrow("a bug in the caller");
    await expect(fetch(`${url}/v2/`)).rejects.toThrow();
  });

  test("serve speaks TLS with the certificate it is given", async (context) => {
    const tls = await selfSigned();
    context.skip(!tls, "skipped: no openssl to make a certificate with");
    if (!tls) return;
    const secure = await serve(createRegistry(createMemoryStorage()), { host: "127.0.0.1", port: 0, clock, tls });
    try {
      const request = get(`${secure.url}/v2/`, { ca: tls.cert, servername: "localhost", agent: false });
      const [response] = (await once(request, "response")) as [{ statusCode: number; resume(): void }];
      response.resume();
      expect([response.statusCode, secure.url.slice(0, 8)]).toEqual([200, "https://"]);
    } finally {
      await secure.close();
    }
  });

  test.each([100_000, 1_000_000])("serve keeps what came of a body of %i bytes that breaks off", async (length) => {
    const place = await client.openUpload("a");
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(`PATCH ${place} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`);
    await new Promise((resolve) => socket.write(Buffer.alloc(50_000), resolve));
    const held = async () => (await client.ask("GET", place)).headers.get("range");
    socket.destroy();
    await expect.poll(held, { timeout: 5000 }).toBe("0-49999");
  });

  test("serve does as a registry says that cuts an answer without a body", async () => {
    const cutting = faulty(createRegistry(createMemoryStorage()), [
      { method: "POST", fault: { kind: "cut", afterBytes: 0 } },
    ]);
    const broken = await serve(cutting, { host: "127.0.0.1", port: 0, clock });
    try {
      const answer = fetch(`${broken.url}/v2/a/blobs/uploads/`, { method: "POST" });
      await expect(answer).rejects.toThrow();
      expect((await fetch(`${broken.url}/v2/a/blobs/uploads/`, { method: "POST" })).status).toBe(202);
    } finally {
      await broken.close();
    }
  });

  test("serve moves large blobs both ways without changing a byte", async () => {
    const bytes = Buffer.alloc(20_000_000, "0123456789abcdef");
    const digest = digestOf(bytes);
    const closed = await client.ask("PUT", withDigest(await client.openUpload("a"), digest), { body: bytes });
    expect(closed.status).toBe(201);
    expect((await client.ask("GET", `/v2/a/blobs/${digest}`)).bytes.equals(bytes)).toBe(true);
  });
});
