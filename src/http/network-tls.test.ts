import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer as createHttp, request as httpRequest } from "node:http";
import type { Http2SecureServer, Http2Server, ServerHttp2Stream } from "node:http2";
import { createSecureServer, createServer as createHttp2, constants } from "node:http2";
import { createServer as createHttps } from "node:https";
import { connect } from "node:net";
import { createServer as createTls } from "node:tls";
import { describe, expect, test } from "vitest";
import { fakeClock, type FakeClock } from "../../test/support/fake-clock.ts";
import { listening, rawResponse, socketServer } from "../../test/support/socket-server.ts";
import { systemClock } from "../async/clock.ts";
import { collect } from "../content/collect.ts";
import { readBody } from "./body.ts";
import type { NetworkOptions } from "./network.ts";
import { createNetwork } from "./network.ts";
import { transportError } from "./outcome.ts";

const fixture = (name: string) => readFileSync(new URL(`../../test/fixtures/tls/${name}`, import.meta.url), "utf8");
const [cert, key] = [fixture("cert.pem"), fixture("key.pem")];

function network(options: Partial<NetworkOptions> = {}) {
  const made = createNetwork({
    clock: systemClock(),
    userAgent: "waybill/test",
    tlsFor: () => ({ ca: cert }),
    ...options,
  });
  return { ...made, [Symbol.asyncDispose]: () => made.close() };
}

const textOf = async (response: Parameters<typeof readBody>[0]) =>
  Buffer.from(await readBody(response, 1 << 20)).toString();

async function serving<S extends Parameters<typeof listening>[0]>(server: S) {
  const port = await listening(server);
  return { port, url: `https://127.0.0.1:${port}/`, server, [Symbol.asyncDispose]: async () => void server.close() };
}

describe("send over TLS", () => {
  test("asks how to speak TLS with host and port, and keeps the connection", async () => {
    await using server = await serving(createHttps({ cert, key }, (_request, response) => response.end("secret")));
    const asked: string[] = [];
    await using net = network({ tlsFor: (hostPort) => (asked.push(hostPort), { ca: cert }) });
    for (let round = 0; round < 2; round += 1)
      expect(await textOf(await net.send({ method: "GET", url: server.url }))).toBe("secret");
    expect(asked).toEqual([`127.0.0.1:${server.port}`]);
  });

  test("ends with cancelled when the signal aborts while the certificates are still being read", async () => {
    await using server = await serving(createHttps({ cert, key }, (_request, response) => response.end()));
    const controller = new AbortController();
    const tlsFor = () => {
      queueMicrotask(() => controller.abort());
      return new Promise<never>(() => undefined);
    };
    await using net = network({ tlsFor });
    const sending = net.send({ method: "GET", url: server.url, signal: controller.signal });
    await expect(sending).rejects.toMatchObject({ code: "cancelled" });
  });

  test("fails with tls_failed and advice when nobody vouches for the certificate", async () => {
    await using server = await serving(createHttps({ cert, key }, (_request, response) => response.end()));
    await using net = network({ tlsFor: () => ({}) });
    await expect(net.send({ method: "GET", url: server.url })).rejects.toMatchObject({
      code: "tls_failed",
      context: { sent: "nothing", advice: expect.stringMatching(/--ca-file FILE.*--insecure 127\.0\.0\.1/) },
    });
  });

  test("fails with tls_failed when the certificate is for another name", async () => {
    await using server = await serving(createHttps({ cert, key }, (_request, response) => response.end()));
    await using net = network({ lookup: async () => [{ address: "127.0.0.1", family: 4 }] });
    await expect(net.send({ method: "GET", url: `https://other.example:${server.port}/` })).rejects.toMatchObject({
      code: "tls_failed",
      context: { advice: "Use a name of the registry that its certificate has" },
    });
    await using response = await net.send({ method: "GET", url: `https://registry.example:${server.port}/` });
    expect(response.status).toBe(200);
  });

  test("fails with tls_failed and no word of authorities when the certificate has expired", async () => {
    const expired = fixture("expired.pem");
    const https = createHttps({ cert: expired, key }, (_request, response) => response.end());
    await using server = await serving(https);
    await using net = network({ tlsFor: () => ({ ca: expired }) });
    await expect(net.send({ method: "GET", url: server.url })).rejects.toMatchObject({
      code: "tls_failed",
      context: { advice: "Have the certificate renewed, or set this machine's clock right" },
    });
  });

  test("goes on when the user said that the host is not to be verified", async () => {
    await using server = await serving(createHttps({ cert, key }, (_request, response) => response.end("x")));
    await using net = network({ tlsFor: () => ({ rejectUnauthorized: false }) });
    expect(await textOf(await net.send({ method: "GET", url: server.url }))).toBe("x");
  });

  test("fails with tls_failed and names --plain-http when the port speaks plain HTTP", async () => {
    await using server = await serving(createHttp((_request, response) => response.end()));
    await using net = network();
    await expect(net.send({ method: "GET", url: server.url })).rejects.toMatchObject({
      code: "tls_failed",
      context: { advice: expect.stringContaining("--plain-http") },
    });
  });

  const otherKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const encrypted = { type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: "x" } as const;
  test.each([
    ["is asked for and missing", {}, "it asks for a client certificate"],
    [
      "goes with another key",
      { cert, key: otherKey.export({ type: "pkcs8", format: "pem" }).toString() },
      "the key is not that of the client certificate",
    ],
    [
      "has an encrypted key",
      { cert, key: createPrivateKey(key).export(encrypted).toString() },
      "the key of the client certificate cannot be decrypted",
    ],
  ])("fails with tls_failed and names --cert-file and --key-file when the client certificate %s", async (...row) => {
    const [, offered, reason] = row;
    const https = createHttps({ cert, key, ca: cert, requestCert: true }, (_request, response) => response.end());
    await using server = await serving(https);
    await using net = network({ tlsFor: () => ({ ca: cert, ...offered }) });
    await expect(net.send({ method: "GET", url: server.url })).rejects.toMatchObject({
      code: "tls_failed",
      message: `Cannot speak TLS with "127.0.0.1:${server.port}": ${reason}`,
      context: { advice: expect.stringMatching(/--cert-file FILE.*--key-file FILE/) },
    });
  });

  test.each([
    ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE"],
    ["ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED"],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"],
  ])("names --cert-file when the server refuses the client certificate with %s", (code) => {
    const alert = Object.assign(new Error("alert"), { code });
    const { context } = transportError({ method: "GET", url: "https://registry.example/" }, alert, "nothing");
    expect(context.advice).toContain("--cert-file FILE");
  });

  test.each([
    [
      "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
      /: sslv3 alert \(ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE\)$/,
      /--cert-file FILE/,
    ],
    ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", /: it does not speak TLS 1\.2 or 1\.3$/, /^Have TLS 1\.2 or 1\.3 enabled/],
    ["ERR_SSL_UNSUPPORTED_PROTOCOL", /: it does not speak TLS 1\.2 or 1\.3$/, /^Have TLS 1\.2 or 1\.3 enabled/],
    ["ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", /: sslv3 alert/, undefined],
    ["ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", /: sslv3 alert/, /speaks HTTP\/2 alone, add --http2 auto/],
    ["ERR_SSL_TLSV1_UNRECOGNIZED_NAME", /: sslv3 alert/, /^Check the name "registry\.example"/],
    ["ERR_SSL_WRONG_VERSION_NUMBER", /: its answer is not TLS$/, /--plain-http/],
  ])("says what %s means, and names --plain-http only where no TLS was spoken", (code, message, advice) => {
    const text =
      "C0A7F2:error:0A000410:SSL routines:ssl3_read_bytes:alert:../deps/openssl/ssl/record/rec_layer_s3.c:1605:";
    const alert = Object.assign(new Error(text), { code, reason: "sslv3 alert" });
    const error = transportError({ method: "GET", url: "https://registry.example/" }, alert, "nothing");
    expect(error.message).toMatch(message);
    if (advice) expect(error.context.advice).toMatch(advice);
    else expect(error.context.advice).toBeUndefined();
  });

  test.each([
    ["INVALID_PURPOSE", 'Have a certificate for servers issued to "registry.example"'],
    [
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      'If you trust "registry.example", name its authority with --ca-file FILE, have it send the certificates in between, or add --insecure registry.example',
    ],
  ])("says what to do about a certificate with %s", (code, advice) => {
    const distrust = Object.assign(new Error("distrust"), { code });
    const { context } = transportError({ method: "GET", url: "https://registry.example/" }, distrust, "nothing");
    expect(context.advice).toBe(advice);
  });

  test("gives the early 401 when the server answers and closes while the body is being sent", async () => {
    const https = createHttps({ cert, key }, (request, response) => {
      response.writeHead(401, { "content-length": 2 }).end("no", () => request.socket.destroySoon());
    });
    await using server = await serving(https);
    await using net = network();
    const open = async function* () {
      for (let at = 0; at < 500; at += 1) yield new Uint8Array(65_536);
    };
    const response = await net.send({ method: "PUT", url: server.url, body: { sizeBytes: 500 * 65_536, open } });
    expect(response.status).toBe(401);
    await response[Symbol.asyncDispose]();
  });
});

describe("send that is given up in the middle of a body", () => {
  /** Passes what comes on to `port`, until it stands still after 64 KiB. */
  async function stallingFront(port: number) {
    const state = { seenBytes: 0, isStalled: false, isOver: false, goOn: () => undefined as unknown };
    const front = await socketServer((socket) => {
      const onward = connect(port, "127.0.0.1");
      onward.on("data", (chunk) => socket.write(chunk)).on("error", () => undefined);
      state.goOn = () => socket.resume();
      socket.on("close", () => (state.isOver = true));
      socket.on("data", (chunk) => {
        state.seenBytes += chunk.length;
        onward.write(chunk);
        if (state.isStalled || state.seenBytes < 65_536) return;
        state.isStalled = true;
        socket.pause();
      });
    });
    return Object.assign(front, { state });
  }

  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  test.each(["http", "https"])(
    "drops what the kernel has taken: it would go on filling the line (%s)",
    async (scheme) => {
      await using server = await serving(scheme === "https" ? createHttps({ cert, key }) : createHttp());
      await using front = await stallingFront(server.port);
      await using net = network();
      const { state } = front;
      const cancel = new AbortController();
      const open = async function* () {
        for (let at = 0; at < 1000; at += 1) yield new Uint8Array(65_536);
      };
      let takenBytes = 0;
      const request = {
        method: "PUT",
        url: `${scheme}://127.0.0.1:${front.port}/`,
        body: { sizeBytes: 1000 * 65_536, open },
        signal: cancel.signal,
        onProgress: (bytes: number) => (takenBytes += bytes),
      } as const;
      const sending = net.send(request).catch((error: unknown) => error);
      for (let before = -1; !state.isStalled || before < takenBytes; await turns(200)) before = takenBytes;

      cancel.abort();

      expect(await sending).toMatchObject({ code: "cancelled", context: { sent: "some" } });
      state.goOn();
      while (!state.isOver) await turns(1);
      expect(state.seenBytes).toBeLessThan(takenBytes / 2);
    },
  );
});

describe("send through a proxy", () => {
  /** A proxy that tunnels and forwards to loopback, whatever host it is asked for, and notes what it saw. */
  function proxyServer(opened = "200 Connection established") {
    const seen: string[] = [];
    const server = createHttp((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? "-"}`);
      const { port, pathname } = new URL(request.url ?? "");
      request.pipe(
        httpRequest({ host: "127.0.0.1", port, path: pathname, method: request.method ?? "GET" }, (answer) =>
          answer.pipe(response),
        ),
      );
    });
    server.on("connect", (request, socket, head) => {
      seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? "-"}`);
      const onward = connect(Number(request.url?.split(":")[1]), "127.0.0.1", () => {
        socket.write(`HTTP/1.1 ${opened}\r\n\r\n`);
        onward.write(head);
        onward.pipe(socket).pipe(onward);
      });
      onward.on("error", () => socket.destroy());
      socket.on("error", () => onward.destroy());
    });
    return { seen, server };
  }
  const basic = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;

  test("tunnels https, telling the proxy its password and the registry's certificate is still verified", async () => {
    await using server = await serving(
      createHttps({ cert, key }, (request, response) => response.end(request.headers["proxy-authorization"] ?? "none")),
    );
    const { seen, server: proxy } = proxyServer();
    await using at = await serving(proxy);
    await using net = network({ proxyFor: () => `http://me:p%40ss@127.0.0.1:${at.port}` });
    const url = `https://registry.example:${server.port}/`;
    expect(await textOf(await net.send({ method: "GET", url }))).toBe("none");
    expect(seen).toEqual([`CONNECT registry.example:${server.port} ${basic}`]);
    await expect(net.send({ method: "GET", url: `https://other.example:${server.port}/` })).rejects.toMatchObject({
      code: "tls_failed",
      context: { advice: "Use a name of the registry that its certificate has" },
    });
  });

  test("asks for plain http by the whole URL", async () => {
    await using server = await serving(createHttp((_request, response) => response.end("plain")));
    const { seen, server: proxy } = proxyServer();
    await using at = await serving(proxy);
    await using net = network({ proxyFor: () => `http://me:p%40ss@127.0.0.1:${at.port}` });
    const url = `http://registry.example:${server.port}/v2/`;
    expect(await textOf(await net.send({ method: "GET", url }))).toBe("plain");
    expect(seen).toEqual([`GET ${url} ${basic}`]);
  });

  test("takes any 2xx of a proxy for an open way", async () => {
    await using server = await serving(createHttps({ cert, key }, (_request, response) => response.end("through")));
    const { server: proxy } = proxyServer("201 Created\r\nContent-Length: 5");
    await using at = await serving(proxy);
    await using net = network({ proxyFor: () => `http://127.0.0.1:${at.port}` });
    const url = `https://registry.example:${server.port}/`;
    expect(await textOf(await net.send({ method: "GET", url }))).toBe("through");
  });

  test.each([
    ["https://registry.example/", "407 Proxy Authentication Required", "auth_required"],
    ["http://registry.example/", "407 Proxy Authentication Required", "auth_required"],
    ["https://registry.example/", "403 Forbidden", "rejected"],
    ["https://registry.example/", "502 Bad Gateway", "connection_failed"],
  ])("fails for %s when the proxy answers %s, without its password in the message", async (url, status, code) => {
    await using proxy = await socketServer(
      (socket) => void socket.once("data", () => socket.write(rawResponse(status))),
    );
    await using net = network({ proxyFor: () => `http://me:canary@127.0.0.1:${proxy.port}` });
    const sending = net.send({ method: "GET", url });
    await expect(sending).rejects.toMatchObject({ code });
    await expect(sending).rejects.not.toThrow(/canary/);
  });

  test.each([
    ["me:canary@", "Basic realm=x", 'Cannot use proxy "PROXY": it refuses the credentials'],
    ["", "Basic realm=x", 'Cannot use proxy "PROXY": it asks for credentials'],
    ["", "Negotiate", 'Cannot use proxy "PROXY": it wants Negotiate, which is not supported'],
    [
      "me:canary@",
      "NTLM\r\nproxy-authenticate: Negotiate",
      'Cannot use proxy "PROXY": it wants NTLM or Negotiate, which is not supported',
    ],
  ])("says what a proxy wants that answers 407 to %j and offers %j", async (user, offers, message) => {
    const answer = rawResponse("407 Required", "", `proxy-authenticate: ${offers}\r\n`);
    await using proxy = await socketServer((socket) => void socket.once("data", () => socket.write(answer)));
    await using net = network({ proxyFor: () => `http://${user}127.0.0.1:${proxy.port}` });
    await expect(net.send({ method: "GET", url: "https://registry.example/" })).rejects.toMatchObject({
      code: "auth_required",
      message: message.replace("PROXY", `127.0.0.1:${proxy.port}`),
    });
  });

  test("names a proxy that closes when it is asked for a way through", async () => {
    await using proxy = await socketServer((socket) => void socket.once("data", () => socket.destroy()));
    await using net = network({ proxyFor: () => `http://me:canary@127.0.0.1:${proxy.port}` });
    await expect(net.send({ method: "GET", url: "https://registry.example/" })).rejects.toMatchObject({
      code: "connection_failed",
      message: `Cannot reach "registry.example" through proxy "127.0.0.1:${proxy.port}": the connection was reset`,
    });
  });

  test("names a proxy that does not answer in time", async () => {
    const clock = fakeClock();
    await using proxy = await socketServer((socket) => void socket.once("data", () => clock.advance(60_000)));
    await using net = network({ clock, proxyFor: () => proxy.url });
    await expect(net.send({ method: "GET", url: "https://registry.example/" })).rejects.toMatchObject({
      code: "timeout",
      message: `Cannot finish GET to "registry.example" through proxy "127.0.0.1:${proxy.port}": no connection within 10 s`,
    });
  });

  test("names a proxy that does not speak TLS as its URL says", async () => {
    await using proxy = await socketServer(
      (socket) => void socket.once("data", () => socket.end(rawResponse("400 Bad Request"))),
    );
    await using net = network({ proxyFor: () => proxy.url.replace("http:", "https:") });
    await expect(net.send({ method: "GET", url: "https://registry.example/" })).rejects.toMatchObject({
      code: "tls_failed",
      message: `Cannot speak TLS with proxy "127.0.0.1:${proxy.port}": its answer is not TLS`,
      context: { advice: "If the proxy speaks plain HTTP, write its URL as http://HOST:PORT" },
    });
  });

  test("refuses literal inner addresses that a registry leads to, without asking the proxy", async () => {
    await using proxy = await socketServer(() => undefined);
    await using net = network({ proxyFor: () => `http://127.0.0.1:${proxy.port}` });
    const ledBy = new URL("https://registry.example").origin as never;
    for (const host of ["169.254.169.254", "10.0.0.1", "[::ffff:10.0.0.1]"]) {
      await expect(net.send({ method: "GET", url: `http://${host}/`, ledBy })).rejects.toMatchObject({
        code: "address_forbidden",
      });
    }
    expect(proxy.connections).toBe(0);
  });
});

describe("send over HTTP/2", () => {
  async function http2Server(
    server: Http2SecureServer | Http2Server,
    onStream: (stream: ServerHttp2Stream, number: number) => void,
  ) {
    let streams = 0;
    let sessions = 0;
    server.on("session", (session) => {
      sessions += 1;
      session.on("error", () => undefined);
    });
    server.on("stream", (stream: ServerHttp2Stream) => {
      streams += 1;
      stream.on("error", () => undefined);
      onStream(stream, streams);
    });
    const at = await serving(server);
    return { ...at, sessions: () => sessions };
  }
  const secure = () => createSecureServer({ cert, key, allowHTTP1: true });

  test("shares one connection when requests run at the same time", async () => {
    await using server = await http2Server(secure(), (stream, number) => {
      stream.respond({ ":status": 200, "x-number": String(number), "www-authenticate": ["Basic a", "Bearer b"] });
      stream.end("hello");
    });
    await using net = network({ http2: "auto" });
    const responses = await Promise.all([1, 2, 3].map(() => net.send({ method: "GET", url: server.url })));
    expect(responses.map(({ protocol, status }) => `${protocol} ${status}`)).toEqual(["h2 200", "h2 200", "h2 200"]);
    expect(await Promise.all(responses.map(textOf))).toEqual(["hello", "hello", "hello"]);
    expect(responses[0]?.headers.all("www-authenticate")).toEqual(["Basic a", "Bearer b"]);
    expect(server.sessions()).toBe(1);
  });

  test("falls back to HTTP/1.1 when the server does not agree", async () => {
    await using server = await serving(createHttps({ cert, key }, (_request, response) => response.end("old")));
    await using net = network({ http2: "auto" });
    for (let round = 0; round < 2; round += 1) {
      const response = await net.send({ method: "GET", url: server.url });
      expect([response.protocol, await textOf(response)]).toEqual(["http/1.1", "old"]);
    }
  });

  test("sends and receives large bodies whole", async () => {
    await using server = await http2Server(createHttp2(), (stream) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        stream.respond({ ":status": 201 });
        stream.end(Buffer.concat(chunks));
      });
    });
    await using net = network({ http2: "on" });
    const open = async function* () {
      for (let at = 0; at < 100; at += 1) yield new Uint8Array(65_536).fill(at);
    };
    let progress = 0;
    const url = server.url.replace("https", "http");
    const response = await net.send({
      method: "POST",
      url,
      body: { sizeBytes: 6_553_600, open },
      onProgress: (bytes) => (progress += bytes),
    });
    let seen = 0;
    for await (const chunk of response.body) seen += chunk.byteLength;
    expect([response.protocol, seen, progress]).toEqual(["h2", 6_553_600, 6_553_600]);
  });

  test("fails with unsupported and advice where HTTP/2 was asked for and the server knows HTTP/1.1 only", async () => {
    await using server = await serving(createHttp((_request, response) => response.end("old")));
    await using net = network({ http2: "on" });
    const url = server.url.replace("https", "http");
    await expect(net.send({ method: "GET", url })).rejects.toMatchObject({
      code: "unsupported",
      message: `Cannot speak HTTP/2 with "127.0.0.1:${server.port}": it answers in another protocol`,
      context: { advice: expect.stringContaining("--http2 auto") },
    });
  });

  test("fails with connection_failed where HTTP/2 was agreed on and something else comes, which may pass", async () => {
    const balancer = createTls({ cert, key, ALPNProtocols: ["h2"] }, (socket) => {
      socket.on("error", () => undefined);
      socket.end("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    });
    await using server = await serving(balancer);
    await using net = network({ http2: "auto" });
    await expect(net.send({ method: "GET", url: server.url })).rejects.toMatchObject({ code: "connection_failed" });
  });

  test("repeats at once when the server refuses a stream", async () => {
    await using server = await http2Server(secure(), (stream, number) => {
      if (number === 1) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
      stream.respond({ ":status": 200 });
      stream.end();
    });
    await using net = network({ http2: "auto" });
    await using response = await net.send({ method: "GET", url: server.url });
    expect([response.status, server.sessions()]).toEqual([200, 1]);
  });

  test("repeats what a GOAWAY leaves out on a new connection, and still takes the answers that come", async () => {
    const first: ServerHttp2Stream[] = [];
    await using server = await http2Server(secure(), (stream, number) => {
      const answer = (to: ServerHttp2Stream) => {
        to.respond({ ":status": 200, "x-number": String(number) });
        to.end("whole");
      };
      if (number > 2) return answer(stream);
      first.push(stream);
      if (number === 1) return;
      stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 1);
      if (first[0]) answer(first[0]);
    });
    await using net = network({ http2: "auto" });
    const responses = await Promise.all([1, 2].map(() => net.send({ method: "GET", url: server.url })));
    expect(await Promise.all(responses.map(textOf))).toEqual(["whole", "whole"]);
    expect([server.sessions(), responses[1]?.headers.get("x-number")]).toEqual([2, "3"]);
  });

  test("fails with unsupported and advice when the server wants HTTP/1.1 for a request", async () => {
    await using server = await http2Server(secure(), (stream) => stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED));
    await using net = network({ http2: "auto" });
    await expect(net.send({ method: "GET", url: server.url })).rejects.toMatchObject({
      code: "unsupported",
      message: `Cannot speak HTTP/2 with "127.0.0.1:${server.port}": it wants HTTP/1.1 for this request`,
      context: { advice: expect.stringContaining("leave --http2 out") },
    });
  });

  test.each([constants.NGHTTP2_INTERNAL_ERROR, constants.NGHTTP2_CANCEL, constants.NGHTTP2_ENHANCE_YOUR_CALM])(
    "fails with connection_failed when a stream is reset with %i, before and in the middle of the body",
    async (code) => {
      await using server = await http2Server(secure(), (stream, number) => {
        if (number === 1) return stream.close(code);
        stream.respond({ ":status": 200, "content-length": "100" });
        stream.write("part", () => setTimeout(() => stream.close(code), 20));
      });
      await using net = network({ http2: "auto" });
      await expect(net.send({ method: "GET", url: server.url })).rejects.toMatchObject({ code: "connection_failed" });
      const response = await net.send({ method: "GET", url: server.url });
      await expect(collect(response.body, 1000)).rejects.toMatchObject({ code: "connection_failed" });
    },
  );

  test.each([constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL])(
    "fails with connection_failed when a body that ends with %i is shorter than its content-length",
    async (code) => {
      await using server = await http2Server(secure(), (stream) => {
        stream.respond({ ":status": 200, "content-length": "100" });
        stream.write("part");
        stream.close(code);
      });
      await using net = network({ http2: "auto" });
      for (let round = 0; round < 5; round += 1) {
        const response = await net.send({ method: "GET", url: server.url });
        await expect(collect(response.body, 1000)).rejects.toMatchObject({ code: "connection_failed" });
      }
      expect(server.sessions()).toBe(1);
    },
  );

  test.each([
    ["HEAD", 200],
    ["GET", 304],
  ] as const)(
    "takes the answer to %s with %i for whole without the body that its content-length tells of",
    async (method, status) => {
      await using server = await http2Server(secure(), (stream) => {
        stream.respond({ ":status": status, "content-length": "100" }, { endStream: true });
      });
      await using net = network({ http2: "auto" });
      const response = await net.send({ method, url: server.url });
      expect([response.status, await textOf(response)]).toEqual([status, ""]);
    },
  );

  test("ends with cancelled when the signal aborts, and the connection lives on", async () => {
    await using server = await http2Server(secure(), (stream, number) => {
      if (number === 1) return;
      stream.respond({ ":status": 200 });
      stream.end();
    });
    await using net = network({ http2: "auto" });
    const controller = new AbortController();
    const sending = net.send({ method: "GET", url: server.url, signal: controller.signal });
    server.server.once("stream", () => controller.abort());
    await expect(sending).rejects.toMatchObject({ code: "cancelled" });
    await using response = await net.send({ method: "GET", url: server.url });
    expect([response.status, server.sessions()]).toEqual([200, 1]);
  });

  /** What `work` fails with when time passes and nothing else happens. */
  async function failureOf(work: Promise<unknown>, clock: FakeClock): Promise<unknown> {
    const errors: unknown[] = [];
    void work.catch((error: unknown) => errors.push(error));
    while (errors.length === 0) await clock.advanceSlowly(1000);
    return errors[0];
  }

  const answer = (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200 });
    stream.end("whole");
  };

  test("leaves a connection that has fallen silent: the next request opens another", async () => {
    await using server = await http2Server(secure(), (stream, number) => {
      if (number === 1 || server.sessions() > 1) answer(stream);
    });
    const clock = fakeClock();
    await using net = network({ http2: "auto", clock });
    expect(await textOf(await net.send({ method: "GET", url: server.url }))).toBe("whole");
    expect(await failureOf(net.send({ method: "GET", url: server.url }), clock)).toMatchObject({ code: "timeout" });
    expect(await textOf(await net.send({ method: "GET", url: server.url }))).toBe("whole");
    expect(server.sessions()).toBe(2);
  });

  /** A balancer that forgets its first connection on request: what is sent over it gets nowhere, and nobody says so. */
  async function forgetful(port: number) {
    let isForgotten = false;
    const relay = await socketServer((client, number) => {
      const isLost = () => isForgotten && number === 1;
      const registry = connect(port, "127.0.0.1").on("error", () => undefined);
      client.on("data", (chunk) => !isLost() && registry.write(chunk)).on("close", () => registry.destroy());
      registry.on("data", (chunk) => !isLost() && client.write(chunk));
    });
    const forget = () => (isForgotten = true);
    return {
      relay,
      url: `https://127.0.0.1:${relay.port}/`,
      forget,
      [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
    };
  }

  test("ends all that waits over a connection at once when it is silent and a PING is not answered", async () => {
    let onArrival = () => {};
    await using server = await http2Server(secure(), (stream, number) => (number > 2 ? answer(stream) : onArrival()));
    await using balancer = await forgetful(server.port);
    const clock = fakeClock();
    await using net = network({ http2: "auto", clock, deadlines: { headersMs: 100_000 } });
    const get = () => net.send({ method: "GET", url: balancer.url });
    async function waiting() {
      const hasArrived = new Promise<void>((resolve) => (onArrival = resolve));
      const error = get().catch((failure: unknown) => failure);
      await hasArrived;
      return { error };
    }
    const first = await waiting();
    await clock.advanceSlowly(10_000);
    const second = await waiting();

    balancer.forget();
    await clock.advanceSlowly(37_000);

    const lost = { code: "connection_failed", message: expect.stringContaining("a PING was not answered") };
    expect(await Promise.all([first.error, second.error])).toMatchObject([lost, lost]);
    expect(await textOf(await get())).toBe("whole");
    expect(server.sessions()).toBe(2);
  });

  test("keeps a connection that answers PINGs, however long the answer to a request takes", async () => {
    let heard = () => {};
    let finish = () => {};
    await using server = await http2Server(secure(), (stream) => {
      // It is answered in order: by then what answers its own PING has come.
      stream.session?.on("ping", () => stream.session?.ping(() => heard()));
      finish = () => answer(stream);
      heard();
    });
    const next = () => new Promise<void>((resolve) => (heard = resolve));
    const clock = fakeClock();
    await using net = network({ http2: "auto", clock, deadlines: { headersMs: 100_000 } });
    const begun = next();
    const sending = net.send({ method: "GET", url: server.url });
    await begun;
    for (let round = 0; round < 3; round += 1) {
      const asked = next();
      await clock.advanceSlowly(17_000);
      await asked;
    }
    finish();
    expect(await textOf(await sending)).toBe("whole");
  });

  test("leaves a connection whose body has fallen silent", async () => {
    await using server = await http2Server(secure(), (stream, number) => {
      if (number > 1) return answer(stream);
      stream.respond({ ":status": 200, "content-length": "100" });
      stream.write("part");
    });
    const clock = fakeClock();
    await using net = network({ http2: "auto", clock });
    const response = await net.send({ method: "GET", url: server.url });
    expect(await failureOf(collect(response.body, 1000), clock)).toMatchObject({ code: "timeout" });
    expect(await textOf(await net.send({ method: "GET", url: server.url }))).toBe("whole");
    expect(server.sessions()).toBe(2);
  });

  test("opens another connection where a server allows no more streams on those that there are", async () => {
    const waiting: ServerHttp2Stream[] = [];
    const few = createSecureServer({ cert, key, settings: { maxConcurrentStreams: 2 } });
    await using server = await http2Server(few, (stream, number) => {
      if (number === 1 || waiting.length === 5) return answer(stream);
      // Each waits for all.
      if (waiting.push(stream) === 5) for (const each of waiting) answer(each);
    });
    await using net = network({ http2: "auto" });
    const get = async () => textOf(await net.send({ method: "GET", url: server.url }));
    expect(await get()).toBe("whole");
    expect(await Promise.all(Array.from({ length: 5 }, get))).toEqual(Array.from({ length: 5 }, () => "whole"));
    expect(server.sessions()).toBe(3);
    expect(await get()).toBe("whole");
    expect(server.sessions()).toBe(3);
  });

  test("keeps a connection over which other answers still come when one request is not answered", async () => {
    const streams: ServerHttp2Stream[] = [];
    let isSlow = true;
    await using server = await http2Server(secure(), (stream) => {
      if (!isSlow) return answer(stream);
      if (streams.push(stream) === 1) stream.respond({ ":status": 200 });
    });
    const clock = fakeClock();
    await using net = network({ http2: "auto", clock });
    const first = await net.send({ method: "GET", url: server.url });
    await failureOf(net.send({ method: "GET", url: server.url }), clock);
    streams[0]?.end("late");
    expect(await textOf(first)).toBe("late");
    isSlow = false;
    expect(await textOf(await net.send({ method: "GET", url: server.url }))).toBe("whole");
    expect(server.sessions()).toBe(1);
  });
});
