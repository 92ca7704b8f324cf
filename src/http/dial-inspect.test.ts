import { readFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import { connect, createServer as createTcp } from "node:net";
import { describe, expect, test } from "vitest";
import { answering, listening, rawResponse, socketServer } from "../../test/support/socket-server.ts";
import { systemClock } from "../async/clock.ts";
import { createNetwork, type NetworkOptions } from "./network.ts";

const fixture = (name: string) => readFileSync(new URL(`../../test/fixtures/tls/${name}`, import.meta.url), "utf8");
const [cert, expired, key] = [fixture("cert.pem"), fixture("expired.pem"), fixture("key.pem")];

function network(options: Partial<NetworkOptions> = {}) {
  const made = createNetwork({ clock: systemClock(), userAgent: "test", tlsFor: () => ({ ca: cert }), ...options });
  return { ...made, [Symbol.asyncDispose]: () => made.close() };
}

async function tlsServer(pem = cert) {
  let requests = 0;
  const server = createHttps({ cert: pem, key, ALPNProtocols: ["h2", "http/1.1"] }, () => (requests += 1));
  const port = await listening(server);
  return { port, requests: () => requests, [Symbol.asyncDispose]: async () => void server.close() };
}

const byName: Partial<NetworkOptions> = { lookup: async () => [{ address: "127.0.0.1", family: 4 }] };

describe("inspect", () => {
  test("tells name, addresses, connection, protocol and certificate, and sends nothing", async () => {
    await using server = await tlsServer();
    await using net = network(byName);

    const report = await net.inspect(`https://registry.example:${server.port}/v2/`);

    expect(report).toEqual({
      lookup: { name: "registry.example", addresses: ["127.0.0.1"], durationMs: expect.any(Number) },
      connected: { address: "127.0.0.1", durationMs: expect.any(Number) },
      tls: {
        durationMs: expect.any(Number),
        protocol: "TLSv1.3",
        alpn: "h2",
        mustBeTrusted: true,
        subject: "waybill test",
        issuer: "waybill test",
        validFromMs: Date.parse("2026-11-23T21:15:20Z"),
        validToMs: Date.parse("2126-10-30T21:15:20Z"),
      },
    });
    expect(server.requests()).toBe(0);
  });

  test.each([
    { what: "an authority that nobody vouches for", distrust: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    { what: "another name", host: "other.example", ca: cert, distrust: "ERR_TLS_CERT_ALTNAME_INVALID" },
    { what: "a time that has passed", pem: expired, ca: expired, distrust: "CERT_HAS_EXPIRED" },
  ])("shows a certificate for $what, and why it is not trusted", async (given) => {
    const { host = "127.0.0.1", pem = cert, ca, distrust } = given;
    await using server = await tlsServer(pem);
    await using net = network({ ...byName, tlsFor: () => ({ ca }) });

    const { tls, failure } = await net.inspect(`https://${host}:${server.port}`);

    expect(failure).toBeUndefined();
    expect(tls).toMatchObject({ distrust, mustBeTrusted: true, issuer: "waybill test" });
  });

  test("knows where trust is not asked for", async () => {
    await using server = await tlsServer();
    await using net = network({ tlsFor: () => ({ rejectUnauthorized: false }) });

    expect((await net.inspect(`https://127.0.0.1:${server.port}`)).tls).toMatchObject({ mustBeTrusted: false });
  });

  test("tells of plain HTTP that there is no TLS", async () => {
    await using server = await socketServer((socket) => void socket.resume());
    await using net = network();

    expect(await net.inspect(server.url)).toEqual({
      connected: { address: "127.0.0.1", durationMs: expect.any(Number) },
    });
    await expect.poll(() => server.open).toBe(0);
  });

  test("goes through a proxy as a request would, and names it without its password", async () => {
    await using server = await tlsServer();
    await using proxy = await socketServer((socket) => {
      socket.once("data", () => {
        const far = connect(server.port, "127.0.0.1", () => {
          socket.write("HTTP/1.1 200 OK\r\n\r\n");
          far.pipe(socket).pipe(far);
        });
      });
    });
    await using net = network({ proxyFor: () => `http://me:CANARY@127.0.0.1:${proxy.port}` });

    const report = await net.inspect(`https://registry.example:${server.port}`);

    expect(report).toMatchObject({ proxy: `127.0.0.1:${proxy.port}`, connected: {}, tls: { subject: "waybill test" } });
    expect(JSON.stringify(report)).not.toContain("CANARY");
  });

  describe("says where it got stuck", () => {
    const refused = async () => {
      const server = createTcp();
      const port = await listening(server);
      await new Promise((resolve) => server.close(resolve));
      return port;
    };

    test("at the name", async () => {
      const lookup = () => Promise.reject(Object.assign(new Error("no"), { code: "ENOTFOUND" }));
      await using net = network({ lookup });

      const { failure, lookup: found } = await net.inspect("https://nowhere.example");

      expect(failure).toMatchObject({
        during: "lookup",
        error: { code: "connection_failed", message: expect.stringContaining("no host of this name") },
      });
      expect(found).toBeUndefined();
    });

    test.each(["127.0.0.1", "registry.example"])("at the connection to %s", async (host) => {
      await using net = network(byName);

      const { failure, connected } = await net.inspect(`https://${host}:${await refused()}`);

      expect(failure).toMatchObject({ during: "connect", error: { code: "connection_failed" } });
      expect(connected).toBeUndefined();
    });

    test("at a proxy that refuses", async () => {
      await using proxy = await socketServer(answering(rawResponse("407 Proxy Authentication Required")));
      await using net = network({ proxyFor: () => proxy.url });

      expect((await net.inspect("https://registry.example")).failure).toMatchObject({
        during: "connect",
        error: { code: "auth_required" },
      });
    });

    test("at TLS, where the server speaks something else", async () => {
      await using server = await socketServer((socket) => void socket.resume().write(rawResponse("400 Bad Request")));
      await using net = network();

      const { failure, connected } = await net.inspect(`https://127.0.0.1:${server.port}`);

      expect(failure).toMatchObject({ during: "tls", error: { code: "tls_failed" } });
      expect(connected).toBeDefined();
      await expect.poll(() => server.open).toBe(0);
    });

    test("at TLS, where nothing comes", async () => {
      await using server = await socketServer((socket) => void socket.resume());
      await using net = network({ deadlines: { tlsMs: 20 } });

      expect((await net.inspect(`https://127.0.0.1:${server.port}`)).failure).toMatchObject({
        during: "tls",
        error: { code: "timeout" },
      });
      await expect.poll(() => server.open).toBe(0);
    });
  });

  test("ends with the caller's signal, its socket closed", async () => {
    await using server = await socketServer((socket) => void socket.resume());
    await using net = network();
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);

    await expect(net.inspect(`https://127.0.0.1:${server.port}`, { signal: controller.signal })).rejects.toMatchObject({
      code: "cancelled",
    });
    await expect.poll(() => server.open).toBe(0);
  });
});
