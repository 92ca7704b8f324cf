import { getEventListeners } from "node:events";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { answering, listening, rawResponse, socketServer } from "../../test/support/socket-server.ts";
import { systemClock } from "../async/clock.ts";
import { WaybillError } from "../errors.ts";
import { collect } from "../content/collect.ts";
import { readBody } from "./body.ts";
import type { NetworkOptions } from "./network.ts";
import { createNetwork } from "./network.ts";
import { retry } from "./retry.ts";
import type { HttpRequest } from "./send.ts";
import { intercept, Secret } from "./send.ts";
import { originOf } from "./url.ts";

function network(options: Partial<NetworkOptions> = {}) {
  const made = createNetwork({ clock: systemClock(), userAgent: "waybill/test", ...options });
  return { ...made, [Symbol.asyncDispose]: () => made.close() };
}

const text = async (response: Awaited<ReturnType<ReturnType<typeof network>["send"]>>) =>
  Buffer.from(await readBody(response, 1 << 20)).toString();

const get = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({ method: "GET", url, ...more });

async function* chunks(count: number, size = 64 * 1024) {
  for (let at = 0; at < count; at += 1) yield new Uint8Array(size);
}

/** Keeps a body from ending until its signal aborts. */
function endless(signal: AbortSignal | undefined, first: Uint8Array) {
  return (async function* () {
    yield first;
    await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)));
  })();
}

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
};

describe("send over HTTP/1.1", () => {
  test("writes the request line and headers as given, and only what belongs there", async () => {
    const heads: string[] = [];
    await using server = await socketServer((socket) => {
      socket.on("data", (chunk) => {
        heads.push(chunk.toString());
        socket.write(rawResponse("200 OK", "hello"));
      });
    });
    await using net = network();
    const url = `${server.url}v2/a%7Eb/../~c?_state=x%20y~&z`;

    const response = await net.send(get(url, { headers: { accept: "x/y", "Accept-Encoding": "gzip" } }));

    expect([response.status, response.url, response.protocol, await text(response)]).toEqual([
      200,
      url,
      "http/1.1",
      "hello",
    ]);
    expect(heads[0]?.split("\r\n").filter(Boolean)).toEqual([
      "GET /v2/a%7Eb/../~c?_state=x%20y~&z HTTP/1.1",
      `host: 127.0.0.1:${server.port}`,
      "user-agent: waybill/test",
      "accept-encoding: identity",
      "accept: x/y",
      "connection: keep-alive",
    ]);
  });

  test("ends what is under way, and whatever is sent later, as cancelled when it is closed", async () => {
    let asked = 0;
    await using server = await socketServer((socket) => void socket.on("data", () => (asked += 1)));
    await using net = network();
    const underWay = net.send(get(server.url)).catch((error: unknown) => error);
    await until(() => asked === 1);

    await net.close();

    expect(await underWay).toMatchObject({ code: "cancelled", context: { sent: "all" } });
    await expect(net.send(get(server.url))).rejects.toMatchObject({ code: "cancelled", context: { sent: "nothing" } });
    expect(server.connections).toBe(1);
  });

  test("uses one connection for requests that follow each other", async () => {
    await using server = await socketServer(
      answering(rawResponse("200 OK", "a"), rawResponse("404 Not Found", "b"), rawResponse("204 No Content")),
    );
    await using net = network();
    expect(await text(await net.send(get(server.url)))).toBe("a");
    expect(await text(await net.send(get(server.url)))).toBe("b");
    {
      await using response = await net.send(get(server.url));
      expect(response.status).toBe(204);
    }
    expect(server.connections).toBe(1);
  });

  test("opens a new connection when the server's own idle time is over", async () => {
    const clock = fakeClock();
    await using server = await socketServer(answering(rawResponse("200 OK", "a", "keep-alive: timeout=5\r\n")));
    await using net = network({ clock });
    await text(await net.send(get(server.url)));
    clock.advance(3999);
    await text(await net.send(get(server.url)));
    expect(server.connections).toBe(1);
    clock.advance(4000);
    await text(await net.send(get(server.url)));
    expect(server.connections).toBe(2);
  });

  test("sends a streamed body with its length and tells how much has left", async () => {
    const received = { length: 0, announced: "" };
    const server = createServer((request, response) => {
      received.announced = request.headers["content-length"] ?? "";
      request.on("data", (chunk: Buffer) => (received.length += chunk.length));
      request.on("end", () => response.writeHead(201).end());
    });
    await using net = network();
    const url = `http://127.0.0.1:${await listening(server)}/`;
    let progress = 0;
    const body = { sizeBytes: 80 * 65_536, open: () => chunks(80) };

    await using response = await net.send({ method: "PUT", url, body, onProgress: (bytes) => (progress += bytes) });

    expect([response.status, received.length, received.announced, progress]).toEqual([
      201,
      5_242_880,
      "5242880",
      5_242_880,
    ]);
    server.close();
  });

  test("sends a body that lies in memory with its head, all pieces in their order, and opens nothing", async () => {
    const came: string[] = [];
    await using server = await socketServer((socket) => {
      socket.on("data", (chunk) => {
        came.push(chunk.toString());
        socket.write(rawResponse("201 Created", ""));
      });
    });
    await using net = network();
    const pieces = ["one ", "two ", "three"].map((word) => Buffer.from(word));
    const open = () => {
      throw new Error("opened");
    };
    let sent = 0;

    const body = { sizeBytes: 13, pieces, open };
    const response = await net.send({ method: "PUT", url: server.url, body, onProgress: (bytes) => (sent += bytes) });

    expect(response.status).toBe(201);
    expect(came).toHaveLength(1);
    expect(came[0]).toMatch(/^PUT [^]*content-length: 13\r\n[^]*\r\n\r\none two three$/);
    expect(sent).toBe(13);
  });

  const many = 32 * 1024 * 1024;
  const streamed = { sizeBytes: many, open: () => chunks(1, many) };
  test.each([
    ["counts all of a body, and uses the connection again,", "201 Created", new Uint8Array(many), 1],
    ["counts all of a streamed body, and uses the connection again,", "201 Created", streamed, 1],
    ["does not count what has not left, nor use the connection again,", "409 Conflict", new Uint8Array(many), 2],
  ])("%s when %s is answered before its last bytes are told as sent", async (_what, status, body, connections) => {
    let goOn = () => {};
    await using server = await socketServer((socket) => {
      socket.once("data", () => {
        goOn = () => void socket.on("data", answerAtEnd).resume();
        socket.pause().write(rawResponse(status));
      });
      let tail = "";
      const answerAtEnd = (chunk: Buffer) => {
        tail = (tail + chunk.toString("latin1")).slice(-300);
        if (tail.includes("GET / HTTP/1.1") && tail.endsWith("\r\n\r\n")) socket.write(rawResponse("200 OK"));
      };
    });
    await using net = network();
    let sent = 0;

    await text(await net.send({ method: "PUT", url: server.url, body, onProgress: (bytes) => (sent += bytes) }));
    const next = net.send(get(server.url));
    goOn();
    await text(await next);

    expect(sent === many).toBe(status === "201 Created");
    expect(server.connections).toBe(connections);
  });

  test("announces an empty body for a POST without one", async () => {
    let announced: string | undefined;
    const server = createServer((request, response) => {
      announced = request.headers["content-length"];
      response.writeHead(202).end();
    });
    await using net = network();
    await using _ = await net.send({ method: "POST", url: `http://127.0.0.1:${await listening(server)}/` });
    expect(announced).toBe("0");
    server.close();
  });

  test.each([
    ["longer", 100],
    ["shorter", 200_000],
  ])(
    "fails with size_mismatch and closes the connection when the body is %s than announced",
    async (_name, sizeBytes) => {
      await using server = await socketServer((socket) => void socket.resume());
      await using net = network();
      const body = { sizeBytes, open: () => chunks(1) };
      await expect(net.send({ method: "PUT", url: server.url, body })).rejects.toMatchObject({ code: "size_mismatch" });
      await until(() => server.open === 0);
    },
  );

  test("throws the body's own error when the body fails", async () => {
    await using server = await socketServer((socket) => void socket.resume());
    await using net = network();
    const broken = new WaybillError("digest_mismatch", "Cannot read");
    const open = async function* () {
      yield new Uint8Array(10);
      throw broken;
    };
    await expect(net.send({ method: "PUT", url: server.url, body: { sizeBytes: 20, open } })).rejects.toBe(broken);
    await until(() => server.open === 0);
  });
});

describe("send when the other side misbehaves", () => {
  test("gives the early 401 when the server answers and closes while the body is being sent", async () => {
    for (let run = 0; run < 10; run += 1) {
      await using server = await socketServer((socket) => {
        socket.once("data", () => {
          socket.write(rawResponse("401 Unauthorized", "denied"), () => socket.resetAndDestroy());
        });
      });
      await using net = network();
      const body = { sizeBytes: 2000 * 65_536, open: () => chunks(2000) };
      const response = await net.send({ method: "PUT", url: server.url, body });
      expect(response.status).toBe(401);
      await response[Symbol.asyncDispose]();
    }
  });

  test("takes an early 201 as the answer and stops reading the body", async () => {
    await using server = await socketServer(
      (socket) => void socket.once("data", () => socket.write(rawResponse("201 Created"))),
    );
    await using net = network();
    let stopped = false;
    const open = (signal?: AbortSignal) => {
      signal?.addEventListener("abort", () => (stopped = true));
      return endless(signal, new Uint8Array(10));
    };
    const response = await net.send({ method: "PUT", url: server.url, body: { sizeBytes: 20, open } });
    expect([response.status, stopped]).toEqual([201, true]);
    await response[Symbol.asyncDispose]();
    await until(() => server.open === 0);
  });

  test.each([
    ["nothing at all", "", "connection_failed"],
    ["half a head", "HTTP/1.1 200 OK\r\nconte", "connection_failed"],
    ["no HTTP", "SSH-2.0-OpenSSH_9\r\n", "not_a_registry"],
    ["a head without an end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(20_000)}`, "connection_failed"],
    [
      "an unasked switch of protocols",
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
      "connection_failed",
    ],
  ])("ends with a typed error when it answers with %s and closes", async (_name, answer, code) => {
    await using server = await socketServer((socket) => void socket.once("data", () => socket.end(answer)));
    await using net = network();
    await expect(net.send(get(server.url))).rejects.toMatchObject({
      code,
      context: { registry: `127.0.0.1:${server.port}` },
    });
  });

  test.each([
    ["headers that are too long", `x: ${"y".repeat(20_000)}\r\n`],
    ["two lengths", "content-length: 1\r\ncontent-length: 2\r\n"],
  ])("is asked three times in all when it answers with %s", async (_name, headers) => {
    let requests = 0;
    await using server = await socketServer((socket) => {
      socket.once("data", () => {
        requests += 1;
        socket.write(`HTTP/1.1 200 OK\r\n${headers}\r\nab`);
      });
    });
    await using net = network();
    const send = intercept(net.send, retry({ clock: systemClock(), random: () => 0, report: () => undefined }));
    await expect(send(get(server.url))).rejects.toMatchObject({ code: "connection_failed" });
    expect(requests).toBe(3);
  });

  test.each(["content-length: 100\r\n", "transfer-encoding: chunked\r\n"])(
    "fails the body with connection_failed when it is cut (%s)",
    async (header) => {
      const sent = header.startsWith("transfer") ? "5\r\nhello\r\n" : "hello";
      await using server = await socketServer(
        (socket) => void socket.once("data", () => socket.end(`HTTP/1.1 200 OK\r\n${header}\r\n${sent}`)),
      );
      await using net = network();
      const response = await net.send(get(server.url));
      await expect(collect(response.body, 1000)).rejects.toMatchObject({ code: "connection_failed" });
    },
  );

  test("fails the body with connection_failed when the connection is reset in its middle", async () => {
    await using server = await socketServer((socket) => {
      socket.once("data", () =>
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello", () =>
          setImmediate(() => socket.resetAndDestroy()),
        ),
      );
    });
    await using net = network();
    const response = await net.send(get(server.url));
    await expect(collect(response.body, 1000)).rejects.toMatchObject({
      code: "connection_failed",
      message: expect.stringContaining("127.0.0.1"),
    });
  });

  test("says in plain words that a port is closed and that nothing was sent", async () => {
    let port = 0;
    {
      await using server = await socketServer(() => undefined);
      port = server.port;
    }
    await using net = network();
    await expect(net.send(get(`http://127.0.0.1:${port}/`))).rejects.toMatchObject({
      code: "connection_failed",
      message: `Cannot reach "127.0.0.1:${port}": the connection was refused`,
      context: { sent: "nothing" },
    });
  });

  test("names the proxy that cannot be reached, without its password", async () => {
    let port = 0;
    {
      await using server = await socketServer(() => undefined);
      port = server.port;
    }
    await using net = network({ proxyFor: () => `http://user:hidden@127.0.0.1:${port}` });
    const error = await net.send(get("http://registry.example/v2/")).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "connection_failed", context: { sent: "nothing" } });
    expect((error as Error).message).toBe(
      `Cannot reach "registry.example" through proxy "127.0.0.1:${port}": the connection was refused`,
    );
  });

  test("repeats on a fresh connection when a used one dies before any byte of the answer", async () => {
    await using server = await socketServer((socket, number) => {
      let requests = 0;
      socket.on("data", () => {
        requests += 1;
        if (number === 1 && requests === 2) socket.resetAndDestroy();
        else socket.write(rawResponse("200 OK", `from ${number}`));
      });
    });
    await using net = network();
    expect(await text(await net.send(get(server.url)))).toBe("from 1");
    expect(await text(await net.send({ method: "PUT", url: server.url, body: new Uint8Array(5) }))).toBe("from 2");
  });

  test("tells of a tag's write that left on a used connection which died: it may have been done", async () => {
    await using server = await socketServer((socket) => {
      let requests = 0;
      socket.on("data", () => {
        requests += 1;
        if (requests === 2) socket.resetAndDestroy();
        else socket.write(rawResponse("200 OK"));
      });
    });
    await using net = network();
    await text(await net.send(get(server.url)));
    const write = { method: "PUT", url: server.url, operation: "tag", body: new Uint8Array(5) } as const;
    await expect(net.send(write)).rejects.toMatchObject({ code: "connection_failed", context: { sent: "all" } });
  });

  test("uses no kept connection for a request that wants a fresh one", async () => {
    await using server = await socketServer(answering(rawResponse("200 OK"), rawResponse("200 OK")));
    await using net = network();
    for (const isFresh of [false, false, true]) await text(await net.send(get(server.url, { isFresh })));
    expect(server.connections).toBe(2);
  });

  test("does not repeat by itself when a fresh connection dies", async () => {
    await using server = await socketServer((socket) => void socket.once("data", () => socket.resetAndDestroy()));
    await using net = network();
    await expect(net.send(get(server.url))).rejects.toMatchObject({ code: "connection_failed" });
    expect(server.connections).toBe(1);
  });

  test("does not repeat a streamed body that was begun on a used connection", async () => {
    await using server = await socketServer((socket) => {
      let seen = 0;
      socket.on("data", (chunk) => {
        seen += chunk.length;
        if (seen < 1000) socket.write(rawResponse("200 OK"));
        else socket.resetAndDestroy();
      });
    });
    await using net = network();
    await text(await net.send(get(server.url)));
    let opened = 0;
    const open = () => {
      opened += 1;
      return chunks(100);
    };
    const sending = net.send({ method: "PUT", url: server.url, body: { sizeBytes: 100 * 65_536, open } });
    await expect(sending).rejects.toMatchObject({ code: "connection_failed", context: { sent: "some" } });
    expect(opened).toBe(1);
  });

  test("does not repeat an upload's bytes that were sent on a used connection, though they could be sent again", async () => {
    await using server = await socketServer((socket) => {
      let requests = 0;
      socket.on("data", () => (++requests === 1 ? socket.write(rawResponse("200 OK")) : socket.resetAndDestroy()));
    });
    await using net = network();
    await text(await net.send(get(server.url)));
    const upload: HttpRequest = { method: "PUT", url: server.url, operation: "upload-body", body: new Uint8Array(5) };
    await expect(net.send(upload)).rejects.toMatchObject({ code: "connection_failed" });
    expect(server.connections).toBe(1);
  });

  test.each([
    ["something came behind the answer", `${rawResponse("200 OK", "a")}b`],
    ["the server says that it closes", rawResponse("200 OK", "a", "connection: close\r\n")],
    ["the server speaks HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na"],
  ])("does not use a connection again when %s", async (_name, answer) => {
    await using server = await socketServer(answering(answer));
    await using net = network();
    for (let round = 0; round < 3; round += 1) expect(await text(await net.send(get(server.url)))).toBe("a");
    expect(server.connections).toBe(3);
  });

  test("does not use a connection again whose request was answered before it had left", async () => {
    await using server = await socketServer((socket) => {
      socket.once("data", () => socket.pause().write(rawResponse("413 Too Large")));
    });
    await using net = network();
    const large: HttpRequest = { method: "PUT", url: server.url, body: new Uint8Array(32 * 1024 * 1024) };
    for (let round = 0; round < 2; round += 1) {
      await using response = await net.send(large);
      expect(response.status).toBe(413);
    }
    expect(server.connections).toBe(2);
  });

  test.each(["write", "end"] as const)("gives up an idle connection when the server moves first (%s)", async (move) => {
    const idle: Socket[] = [];
    await using server = await socketServer((socket) => {
      idle.push(socket);
      answering(rawResponse("200 OK", "a"))(socket);
    });
    await using net = network();
    await text(await net.send(get(server.url)));
    idle[0]?.[move](rawResponse("200 OK", "for the next one"));
    await until(() => server.open === 0);
    expect(await text(await net.send(get(server.url)))).toBe("a");
    expect(server.connections).toBe(2);
  });

  test("reads an answer that comes byte by byte", async () => {
    const answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    await using server = await socketServer((socket) => {
      const bytes = answer.split("");
      const writeNext = () =>
        void (bytes.length > 0 && socket.write(bytes.shift() ?? "", () => setImmediate(writeNext)));
      socket.once("data", writeNext);
    });
    await using net = network();
    expect(await text(await net.send(get(server.url)))).toBe("hello");
  });

  test("counts late events and lets them change nothing when answers are repeated and the connection breaks", async () => {
    const oneAnswer = rawResponse("200 OK", "ok");
    for (const rest of [oneAnswer, "garbage\r\n\r\n", oneAnswer + oneAnswer, "HTTP/1.1 100 Continue\r\n\r\n"]) {
      for (const end of ["end", "resetAndDestroy", "destroy"] as const) {
        await using server = await socketServer(
          (socket) => void socket.once("data", () => socket.write(oneAnswer + rest, () => socket[end]())),
        );
        await using net = network();
        expect(await text(await net.send(get(server.url)))).toBe("ok");
      }
    }
  });
});

describe("send and its deadlines", () => {
  const cases: [string, string, Partial<HttpRequest>, number][] = [
    ["a small request is not answered", "", {}, 30_000],
    [
      "a committing upload is not answered",
      "",
      { method: "PUT", operation: "upload-body", body: new Uint8Array(0) },
      60_000,
    ],
  ];
  test.each(cases)("gives up with timeout when %s, and not before", async (_name, answer, more, delayMs) => {
    const clock = fakeClock();
    let asked = false;
    await using server = await socketServer((socket) => {
      socket.once("data", () => {
        asked = true;
        socket.write(answer);
      });
    });
    await using net = network({ clock });
    let settled: unknown;
    const sending = net.send(get(server.url, more)).catch((error: unknown) => (settled = error));
    await until(() => asked);
    await clock.advanceSlowly(delayMs - 1000);
    expect(settled).toBeUndefined();
    await clock.advanceSlowly(2000);
    await sending;
    expect(settled).toMatchObject({ code: "timeout", context: { sent: "all", phase: "headers" } });
    await until(() => server.open === 0);
    expect(clock.pending).toBe(0);
  });

  test("gives up with timeout when a body stops moving, and not while nobody reads it", async () => {
    const clock = fakeClock();
    await using server = await socketServer(
      (socket) => void socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")),
    );
    await using net = network({ clock });
    const response = await net.send(get(server.url));
    await clock.advanceSlowly(120_000);
    const reading = response.body[Symbol.asyncIterator]();
    expect((await reading.next()).done).toBe(false);
    const rest = expect(reading.next()).rejects.toMatchObject({ code: "timeout", context: { phase: "idle" } });
    await clock.advanceSlowly(33_000);
    await rest;
  });

  test("gives up with timeout when a body only trickles", async () => {
    const clock = fakeClock();
    await using server = await socketServer((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
        const trickle = () => {
          if (socket.destroyed) return;
          socket.write("x");
          clock.after(10_000, trickle);
        };
        trickle();
      });
    });
    await using net = network({ clock });
    const response = await net.send(get(server.url));
    const seen: unknown[] = [];
    void collect(response.body, 1e6).catch((reason: unknown) => seen.push(reason));
    for (let step = 0; step < 400 && seen.length === 0; step += 1) await clock.advanceSlowly(1000);
    expect(seen[0]).toMatchObject({ code: "timeout", context: { phase: "rate" } });
  });

  test("gives up with timeout when the server takes nothing of the body", async () => {
    const clock = fakeClock();
    await using server = await socketServer((socket) => void socket.pause());
    await using net = network({ clock });
    const seen: unknown[] = [];
    const body = { sizeBytes: 4000 * 65_536, open: () => chunks(4000) };
    void net
      .send({ method: "PUT", url: server.url, body, operation: "upload-body" })
      .catch((reason: unknown) => seen.push(reason));
    for (let step = 0; step < 400 && seen.length === 0; step += 1) await clock.advanceSlowly(1000);
    expect(seen[0]).toMatchObject({ code: "timeout", context: { phase: "idle", sent: "some" } });
  });

  test("waits for a body while the system tells that bytes of it are acknowledged, and no longer", async () => {
    const clock = fakeClock();
    const ports: number[] = [];
    await using server = await socketServer((socket) => {
      ports.push(socket.remotePort ?? 0);
      socket.pause();
    });
    const hex = (value: number, length: number) => value.toString(16).toUpperCase().padStart(length, "0");
    let heldBytes = 4_000_000;
    const tcpTable = async () =>
      `0: 0100007F:${hex(ports[0] ?? 0, 4)} 0100007F:${hex(server.port, 4)} 01 ${hex(heldBytes, 8)}:00000000\n`;
    await using net = network({ clock, tcpTable });
    const seen: unknown[] = [];
    const body = { sizeBytes: 4000 * 65_536, open: () => chunks(4000) };
    void net
      .send({ method: "PUT", url: server.url, body, operation: "upload-body" })
      .catch((reason: unknown) => seen.push(reason));
    for (let second = 0; second < 300; second += 1, heldBytes -= 2000) await clock.advanceSlowly(1000);
    expect(seen).toEqual([]);
    for (let second = 0; second < 60 && seen.length === 0; second += 1) await clock.advanceSlowly(1000);
    expect(seen[0]).toMatchObject({ code: "timeout", context: { phase: "idle", sent: "some" } });
  });

  test("gives up with timeout when a name is not found in time", async () => {
    const clock = fakeClock();
    await using net = network({ clock, lookup: () => new Promise(() => undefined) });
    const sending = expect(net.send(get("http://registry.example/"))).rejects.toMatchObject({
      code: "timeout",
      context: { phase: "dns", sent: "nothing" },
    });
    await clock.advanceSlowly(5000);
    await sending;
  });
});

describe("send and its signal", () => {
  test("ends with cancelled at every stage, and leaves no listener, timer or connection", async () => {
    const stages = ["before", "connecting", "headers", "body"] as const;
    for (const stage of stages) {
      const clock = fakeClock();
      const answer = stage === "body" ? "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello" : "";
      let asked = false;
      await using server = await socketServer((socket) => {
        socket.once("data", () => {
          asked = true;
          socket.write(answer);
        });
      });
      const net = network({ clock });
      const controller = new AbortController();
      if (stage === "before") controller.abort();
      const run = (async () => {
        const response = await net.send(get(server.url, { signal: controller.signal }));
        await collect(response.body, 1000);
      })();
      const outcome = expect(run).rejects.toMatchObject({ code: "cancelled" });
      if (stage === "headers" || stage === "body") await until(() => asked);
      if (stage === "body")
        for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
      await outcome;
      await net.close();
      expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
      expect(clock.pending).toBe(0);
      await until(() => server.open === 0);
    }
  });

  test("throws the caller's own WaybillError when that is why it was aborted", async () => {
    await using server = await socketServer(() => undefined);
    await using net = network();
    const reason = new WaybillError("timeout", "Cannot finish the publish");
    const controller = new AbortController();
    const sending = net.send(get(server.url, { signal: controller.signal }));
    controller.abort(reason);
    await expect(sending).rejects.toBe(reason);
  });

  test("leaves no listener on the signal when responses were read to their end", async () => {
    await using server = await socketServer(answering(rawResponse("200 OK", "a")));
    await using net = network();
    const { signal } = new AbortController();
    for (let round = 0; round < 3; round += 1) await text(await net.send(get(server.url, { signal })));
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("a response's body", () => {
  const long = `HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n${"x".repeat(300_000)}`;

  test("is read once only", async () => {
    await using server = await socketServer(answering(rawResponse("200 OK", "a")));
    await using net = network();
    const response = await net.send(get(server.url));
    await text(response);
    expect(() => response.body[Symbol.asyncIterator]()).toThrow(TypeError);
  });

  test("closes the connection when its reader leaves early", async () => {
    await using server = await socketServer(answering(long));
    await using net = network();
    const response = await net.send(get(server.url));
    for await (const _ of response.body) break;
    await until(() => server.open === 0);
  });

  test("closes the connection when the response is disposed of unread and is long", async () => {
    await using server = await socketServer(answering(long));
    await using net = network();
    const response = await net.send(get(server.url));
    await response[Symbol.asyncDispose]();
    await response[Symbol.asyncDispose]();
    await until(() => server.open === 0);
  });

  test("keeps the connection when the response is disposed of unread and is short", async () => {
    await using server = await socketServer(answering(rawResponse("200 OK", "short")));
    await using net = network();
    for (let round = 0; round < 3; round += 1) await (await net.send(get(server.url)))[Symbol.asyncDispose]();
    expect(server.connections).toBe(1);
  });

  test("arrives whole when it is large and its reader is slow", async () => {
    const server = createServer((_request, response) => response.end(Buffer.alloc(5_000_000, 7)));
    await using net = network();
    const response = await net.send(get(`http://127.0.0.1:${await listening(server)}/`));
    let seen = 0;
    for await (const chunk of response.body) {
      seen += chunk.byteLength;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen).toBe(5_000_000);
    await net.close();
    server.close();
  });
});

describe("what send refuses to write", () => {
  const value = new Secret("Bearer canary");

  test("a credential to another origin, by port, scheme or host", async () => {
    await using net = network();
    for (const url of ["http://r.example:81/", "https://r.example/", "http://r.example.evil/"]) {
      const sending = net.send(get(url, { authorization: { origin: originOf("http://r.example"), value } }));
      await expect(sending).rejects.toThrow(TypeError);
      await expect(sending).rejects.not.toThrow(/canary/);
    }
  });

  test("a credential given as a plain header, in any case", async () => {
    await using net = network();
    for (const name of ["authorization", "Authorization", "COOKIE", "proxy-authorization"]) {
      await expect(net.send(get("http://r.example/", { headers: { [name]: "x" } }))).rejects.toThrow(TypeError);
    }
  });

  test("a header name that could break out of its line", async () => {
    await using net = network();
    const headers = { "x: y\r\nz": "a" };
    await expect(net.send(get("http://127.0.0.1:1/", { headers }))).rejects.toThrow(TypeError);
  });

  test("a header value that could break out of its line", async () => {
    await using net = network();
    for (const bad of ["a\r\nx: y", "a\nb", "a\0b", "\u{1f600}"]) {
      await expect(net.send(get("http://r.example/", { headers: { accept: bad } }))).rejects.toThrow(TypeError);
    }
  });

  test("writes a credential to its own origin", async () => {
    let seen: string | undefined;
    const server = createServer((request, response) => {
      seen = request.headers.authorization;
      response.end();
    });
    await using net = network();
    const url = `http://127.0.0.1:${await listening(server)}/`;
    await using _ = await net.send(get(url, { authorization: { origin: originOf(url), value } }));
    expect(seen).toBe("Bearer canary");
    server.close();
  });
});

describe("addresses that a registry leads to", () => {
  const lookup = async () => [{ address: "127.0.0.1", family: 4 }];

  test("loopback is refused when the registry was not itself reached there, also behind a name and on a kept connection", async () => {
    await using server = await socketServer(answering(rawResponse("200 OK", "a")));
    await using net = network({ lookup });
    const ledBy = originOf("https://registry.example");
    for (const url of [server.url, `http://inner.example:${server.port}/`]) {
      await expect(net.send(get(url, { ledBy }))).rejects.toMatchObject({ code: "address_forbidden" });
      await text(await net.send(get(url)));
      await expect(net.send(get(url, { ledBy }))).rejects.toMatchObject({ code: "address_forbidden" });
    }
  });

  test("loopback is followed when the registry was reached on loopback, or when the user allows it", async () => {
    await using server = await socketServer(answering(rawResponse("200 OK", "a")));
    await using registry = await socketServer(answering(rawResponse("200 OK", "a")));
    await using net = network();
    await text(await net.send(get(registry.url)));
    expect(await text(await net.send(get(server.url, { ledBy: originOf(registry.url) })))).toBe("a");

    await using open = network({ allowPrivate: ["127.0.0.1"] });
    expect(await text(await open.send(get(server.url, { ledBy: originOf("https://registry.example") })))).toBe("a");
  });

  test("nothing is connected when one of several addresses is forbidden", async () => {
    await using server = await socketServer(answering(rawResponse("200 OK", "a")));
    const both = [
      { address: "127.0.0.1", family: 4 },
      { address: "169.254.169.254", family: 4 },
    ];
    await using net = network({ lookup: async () => both, allowPrivate: ["inner.example"] });
    const url = `http://inner.example:${server.port}/`;
    await expect(net.send(get(url, { ledBy: originOf("https://registry.example") }))).rejects.toMatchObject({
      code: "address_forbidden",
    });
    expect(server.connections).toBe(0);
  });
});
