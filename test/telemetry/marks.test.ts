import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { constants, createSecureServer, createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttps } from "node:https";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import { WaybillError } from "../../src/errors.ts";
import { readBody } from "../../src/http/body.ts";
import { createNetwork, type NetworkOptions } from "../../src/http/network.ts";
import { intercept, type HttpRequest } from "../../src/http/send.ts";
import { throttle } from "../../src/http/throttle.ts";
import { traceAttempts } from "../../src/http/trace.ts";
import type { AttemptEvent } from "../../src/telemetry/attempt.ts";
import type { WaybillEvent } from "../../src/telemetry/events.ts";
import { timingOf } from "../../src/telemetry/timing.ts";
import { answering, listening, rawResponse, socketServer } from "../support/socket-server.ts";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), "utf8");
const [cert, key] = [fixture("cert.pem"), fixture("key.pem")];
const lookup = async () => [{ address: "127.0.0.1", family: 4 }];

/** The wire with what watches it, on real sockets. */
function observed(options: Partial<NetworkOptions> = {}) {
  const clock = systemClock();
  const network = createNetwork({ clock, userAgent: "test", tlsFor: () => ({ ca: cert }), lookup, ...options });
  const events: WaybillEvent[] = [];
  const send = intercept(
    network.send,
    traceAttempts({ clock, report: (event) => void events.push(event) }),
    throttle({ clock, random: () => 0, report: () => undefined }).interceptor,
  );
  const attempts = () => events.filter((event): event is AttemptEvent => event.type === "http");
  const ask = async (request: HttpRequest) => Buffer.from(await readBody(await send(request), 1 << 24));
  return {
    ask,
    attempts,
    drops: () => events.filter(({ type }) => type === "telemetry-drop"),
    marks: (at: number) => attempts()[at]?.marks.map(({ name }) => name),
    [Symbol.asyncDispose]: () => network.close(),
  };
}

function whole(sizeBytes: number) {
  const open = async function* () {
    for (let at = 0; at < sizeBytes; at += 65_536) yield new Uint8Array(Math.min(65_536, sizeBytes - at));
  };
  return { sizeBytes, open };
}

const toOpen = ["dns", "dns-done", "connect", "connect-done"] as const;

describe("an attempt over HTTP/1.1 notes", () => {
  test("its way to a new connection, and none to one that is kept", async () => {
    await using server = await socketServer(answering(rawResponse("200 OK", "a")));
    await using wire = observed();
    const url = server.url.replace("127.0.0.1", "registry.example");
    for (let round = 0; round < 2; round += 1) await wire.ask({ method: "GET", url });
    const exchange = ["connection", "headers-sent", "first-byte", "last-byte"];
    expect(wire.marks(0)).toEqual(["admitted", ...toOpen, ...exchange]);
    expect(wire.marks(1)).toEqual(["admitted", ...exchange]);
    expect(wire.attempts().map((attempt) => timingOf(attempt).reused)).toEqual([false, true]);
    expect(wire.drops()).toEqual([]);
  });

  test("TLS, a body, and 100", async () => {
    const https = createHttps({ cert, key }, (request, response) => {
      response.writeContinue();
      request.resume().on("end", () => response.writeHead(201).end());
    });
    const url = `https://registry.example:${await listening(https)}/`;
    await using wire = observed();
    await wire.ask({ method: "PUT", url, body: whole(200_000) });
    expect(wire.marks(0)?.slice(0, 8)).toEqual(["admitted", ...toOpen, "tls", "tls-done", "connection"]);
    expect(wire.marks(0)?.slice(8).toSorted()).toEqual([
      "body-sent",
      "continue",
      "first-byte",
      "headers-sent",
      "last-byte",
    ]);
    expect(wire.attempts()).toMatchObject([{ sentBytes: 200_000, status: 201, protocol: "http/1.1" }]);
    https.close();
  });

  test("nothing when a connection that it has opened over TLS is closed later", async () => {
    const https = createHttps({ cert, key }, (_request, response) => response.end("a"));
    const url = `https://registry.example:${await listening(https)}/`;
    const wire = observed();
    await wire.ask({ method: "GET", url });
    await wire[Symbol.asyncDispose]();
    expect(wire.drops()).toEqual([]);
    https.close();
  });

  test("that it was sent again on another connection", async () => {
    await using server = await socketServer((socket, number) => {
      let heads = 0;
      socket.on("data", () => {
        if (number === 1 && heads++ === 1) socket.destroy();
        else socket.write(rawResponse("200 OK", "a"));
      });
    });
    await using wire = observed();
    for (let round = 0; round < 2; round += 1) await wire.ask({ method: "GET", url: server.url });
    expect(wire.marks(1)).toContain("repeated");
    expect(timingOf(wire.attempts()[1]!).odd).toBe(0);
  });

  test("what it came to when nothing answers", async () => {
    await using wire = observed({
      lookup: () => Promise.reject(Object.assign(new Error("no"), { code: "ENOTFOUND" })),
    });
    await expect(wire.ask({ method: "GET", url: "http://registry.example/" })).rejects.toThrow(WaybillError);
    expect(wire.marks(0)).toEqual(["admitted", "dns", "dns-done"]);
    expect(wire.attempts()).toMatchObject([{ error: "connection_failed" }]);
  });
});

describe("an attempt over HTTP/2 notes", () => {
  async function http2(onStream: (stream: ServerHttp2Stream, number: number) => void, isSecure = true) {
    const server = isSecure ? createSecureServer({ cert, key }) : createHttp2();
    let streams = 0;
    server.on("session", (session) => session.on("error", () => undefined));
    server.on("stream", (stream: ServerHttp2Stream) => {
      stream.on("error", () => undefined);
      onStream(stream, ++streams);
    });
    const port = await listening(server);
    const url = `${isSecure ? "https" : "http"}://registry.example:${port}/`;
    return { url, [Symbol.asyncDispose]: async () => void server.close() };
  }
  const hello = (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200 });
    stream.end("hello");
  };

  test("a connection that another attempt has opened, without having asked for it", async () => {
    await using server = await http2(hello);
    await using wire = observed({ http2: "auto" });
    await Promise.all([1, 2, 3].map(() => wire.ask({ method: "GET", url: server.url })));
    const opened = wire.attempts().filter(({ marks }) => marks.some(({ name }) => name === "connect"));
    expect(opened).toHaveLength(1);
    for (const { marks } of wire.attempts()) expect(marks.map(({ name }) => name)).toContain("connection");
    expect(wire.attempts().map((attempt) => timingOf(attempt).odd)).toEqual([0, 0, 0]);
    expect(wire.drops()).toEqual([]);
  });

  test("GOAWAY in the middle of a body, which still comes whole", async () => {
    await using server = await http2((stream) => {
      stream.respond({ ":status": 200 });
      stream.write("one ");
      stream.session?.goaway(constants.NGHTTP2_NO_ERROR, stream.id);
      setTimeout(() => stream.end("two"), 20);
    });
    await using wire = observed({ http2: "auto" });
    expect(String(await wire.ask({ method: "GET", url: server.url }))).toBe("one two");
    expect(wire.marks(0)).toContain("goaway");
    expect(wire.attempts()[0]).not.toHaveProperty("error");
  });

  test("a body", async () => {
    await using server = await http2((stream) => stream.resume().on("end", () => hello(stream)));
    await using wire = observed({ http2: "auto" });
    for (let round = 0; round < 2; round += 1) await wire.ask({ method: "PUT", url: server.url, body: whole(200_000) });
    expect(wire.marks(1)).toEqual(["admitted", "connection", "headers-sent", "body-sent", "first-byte", "last-byte"]);
    expect(timingOf(wire.attempts()[0]!).odd).toBe(0);
  });

  test("a stream that is reset", async () => {
    await using server = await http2((stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    await using wire = observed({ http2: "auto" });
    await expect(wire.ask({ method: "GET", url: server.url })).rejects.toThrow(WaybillError);
    expect(wire.marks(0)).toContain("reset");
  });

  test("the same of ten thousand requests, thirty at a time", async () => {
    await using server = await http2(hello, false);
    await using wire = observed({ http2: "on" });
    const worker = async () => {
      for (let round = 0; round < 334; round += 1) await wire.ask({ method: "GET", url: server.url });
    };
    await Promise.all(Array.from({ length: 30 }, worker));
    expect(wire.attempts()).toHaveLength(10_020);
    expect(new Set(wire.attempts().map(({ id }) => id)).size).toBe(10_020);
    const incomplete = wire.attempts().filter(({ status, marks }) => status !== 200 || marks.length < 5);
    expect(incomplete).toEqual([]);
    expect(wire.drops()).toEqual([]);
  }, 60_000);
});

test("a server that says 100 for ever fills no memory", async () => {
  const server = createServer((request, response) => {
    for (let at = 0; at < 200; at += 1) response.writeContinue();
    response.end("x");
    request.resume();
  });
  const url = `http://127.0.0.1:${await listening(server)}/`;
  await using wire = observed();
  await wire.ask({ method: "GET", url });
  expect(wire.attempts()[0]?.marks.length).toBeLessThanOrEqual(40);
  expect(wire.drops().length).toBeGreaterThan(100);
  server.close();
});
