import { gzipSync } from "node:zlib";
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/spec/digest.ts";
import { goJson } from "../../src/spec/json.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { answerWith, evilHost, type Arrived } from "../support/evil-host.ts";
import { basicEntry } from "../support/hosts.ts";
import { runInProcess } from "../support/in-process.ts";
import { socketServer } from "../support/socket-server.ts";

const mebibyte = 1024 * 1024;
/** What sockets and streams on both sides hold of a body that nobody reads any more. */
const inBuffers = 24 * mebibyte;

/** Writes for ever, as fast as it is read; tells how much had gone when the client hung up. */
function pour(
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  status = 200,
  chunk = "x".repeat(65_536),
) {
  return new Promise<number>((resolve) => {
    let written = 0;
    response.writeHead(status, headers);
    const more = () => {
      while (written < 2048 * mebibyte) {
        written += chunk.length;
        if (!response.write(chunk)) return;
      }
      response.end();
    };
    response.on("drain", more);
    response.on("close", () => resolve(written));
    more();
  });
}

interface Endless {
  readonly at: (arrived: Arrived) => boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly status?: number;
  readonly chunk?: string;
}

/** Runs a command against a host that pours at one place; the largest body that left it. */
async function pouredBy(
  args: (host: string) => readonly string[],
  endless: Endless,
  env: (host: string) => object = () => ({}),
) {
  const poured: Promise<number>[] = [];
  await using host = await evilHost((arrived, response) => {
    if (endless.at(arrived)) {
      const sending = pour(response, endless.headers, endless.status, endless.chunk);
      poured.push(sending);
      return sending;
    }
    if (
      arrived.headers["authorization"] === undefined &&
      arrived.target.startsWith("/v2/") &&
      endless.at({ ...arrived, target: "/token" })
    ) {
      const realm = `Bearer realm="http://${String(arrived.headers["host"])}/token"`;
      return answerWith(response, 401, { headers: { "www-authenticate": realm } });
    }
    return answerWith(response, 404);
  });
  const ran = await runInProcess(args(host.host), { env: { ...(env(host.host) as Record<string, string>) } });
  const sizes = await Promise.all(poured);
  return { ran, most: Math.max(0, ...sizes), times: sizes.length };
}

const inspectAt = (host: string) => ["inspect", `${host}/app:1`];
const json = { "content-type": "application/json" };

describe("S23, S24 bodies without end", () => {
  const cases: readonly (readonly [string, Endless])[] = [
    [
      "a manifest",
      { at: ({ target }) => target.includes("/manifests/"), headers: { "content-type": mediaTypes.ociManifest } },
    ],
    ["an error as JSON", { at: ({ target }) => target.includes("/manifests/"), headers: json, status: 403 }],
    [
      "an error as HTML",
      { at: ({ target }) => target.includes("/manifests/"), headers: { "content-type": "text/html" }, status: 404 },
    ],
    ["a login page", { at: ({ target }) => target.includes("/manifests/"), headers: { "content-type": "text/html" } }],
    [
      "a challenge",
      {
        at: ({ target }) => target.startsWith("/v2/"),
        headers: { "www-authenticate": 'Basic realm="x"' },
        status: 401,
      },
    ],
    ["a redirect", { at: ({ target }) => target.startsWith("/v2/"), headers: { location: "/elsewhere" }, status: 307 }],
    ["a token", { at: ({ target }) => target.startsWith("/token"), headers: json }],
    ["a token's refusal", { at: ({ target }) => target.startsWith("/token"), headers: json, status: 401 }],
    [
      "an array in a manifest",
      {
        at: ({ target }) => target.includes("/manifests/"),
        headers: { "content-type": mediaTypes.ociIndex },
        chunk: "[".repeat(65_536),
      },
    ],
  ];

  test.each(cases)("S23 %s without end is left after a little", async (_what, endless) => {
    const { ran, most, times } = await pouredBy(inspectAt, endless);
    expect(ran.code).not.toBe(0);
    expect(ran.code).not.toBe(70);
    expect(times).toBeGreaterThan(0);
    expect(most).toBeLessThan(inBuffers);
  });

  test("S23 a small error is read and quoted, one of a megabyte is not", async () => {
    const said = async (length: number) => {
      const body = { errors: [{ code: "DENIED", message: `said ${"x".repeat(length)}` }] };
      await using host = await evilHost((_arrived, response) => answerWith(response, 403, { headers: json, body }));
      return (await runInProcess(inspectAt(host.host))).stderr;
    };
    expect(await said(1000)).toContain("said xxx");
    expect((await said(1000)).length).toBeLessThan(1200);
    expect(await said(mebibyte)).not.toContain("said xxx");
  });
});

describe("S32 encodings", () => {
  const manifest = { "content-type": mediaTypes.ociManifest };
  const serve = (headers: Readonly<Record<string, string>>, body: Uint8Array) =>
    evilHost((_arrived, response) => answerWith(response, 200, { headers: { ...manifest, ...headers }, body }));

  test("S32 a manifest that grows from kilobytes to a gigabyte is refused before it has grown", async () => {
    const bomb = gzipSync(Buffer.alloc(256 * mebibyte, "["), { level: 1 });
    await using host = await serve({ "content-encoding": "gzip" }, bomb.subarray(0, 4 * mebibyte - 1));
    const before = process.memoryUsage().rss;
    const ran = await runInProcess(inspectAt(host.host));
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/longer than 4194304 bytes/);
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * mebibyte);
  });

  test.each([Array(1000).fill("gzip").join(", "), "gzip, gzip", "br", "zstd", "x".repeat(5000)])(
    "S32 an encoding of %.30s is refused",
    async (coding) => {
      await using host = await serve({ "content-encoding": coding }, gzipSync("{}"));
      const ran = await runInProcess(inspectAt(host.host));
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(/its content encoding is/);
    },
  );

  test("S32 a config behind an encoding gives no byte more than it has", async () => {
    const config = Buffer.from('{"architecture":"amd64","os":"linux"}');
    const image = goJson({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.byteLength },
      layers: [],
    });
    await using host = await evilHost(({ target }, response) =>
      target.includes("/manifests/")
        ? answerWith(response, 200, { headers: manifest, body: image })
        : answerWith(response, 200, {
            headers: { "content-encoding": "gzip" },
            body: gzipSync(Buffer.alloc(64 * mebibyte)),
          }),
    );
    const ran = await runInProcess(["inspect", "--format", "{{json .Image}}", `${host.host}/app:1`]);
    expect([ran.code, ran.stdout]).toEqual([1, ""]);
  });
});

describe("S34 headers that are monsters", () => {
  const attacks: readonly (readonly [string, string])[] = [
    ["64 KiB of WWW-Authenticate", `www-authenticate: Bearer ${"a=b,".repeat(16_000)}`],
    ["16 KiB of commas", `www-authenticate: ${",".repeat(16_000)}`],
    ["12 KiB of commas in Link", `link: ${",".repeat(12_000)}`],
    ["quotes without end", `www-authenticate: Bearer realm="${'\\"'.repeat(7000)}`],
    [
      "a hundred kilobytes of headers",
      Array.from({ length: 2000 }, (_, at) => `x-${at}: ${"y".repeat(50)}`).join("\r\n"),
    ],
    ["a range that counts down", `content-range: bytes ${"9".repeat(10_000)}-0/1`],
    ["a header with a line folded", "x-a: b\r\n c: d"],
    ["a bare line feed", "x-a: b\nx-c: d"],
    ["two lengths", "content-length: 1\r\ncontent-length: 2"],
    ["a length and chunks", "transfer-encoding: chunked\r\ncontent-length: 5"],
    ["a negative length", "content-length: -1"],
    ["a length that is not a number", "content-length: 0x10"],
  ];

  test.each(attacks)("S34 %s end soon and in a typed error", async (_what, header) => {
    await using server = await socketServer((socket) => {
      socket.on("data", () => socket.end(`HTTP/1.1 401 Unauthorized\r\n${header}\r\n\r\n`));
    });
    const startedAt = performance.now();
    const host = `127.0.0.1:${server.port}`;
    const ran = await runInProcess(["inspect", "--plain-http", host, "--timeout", "2s", `${host}/app:1`]);
    expect(ran.code).not.toBe(0);
    expect(ran.code).not.toBe(70);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });
});

describe("S24 tokens", () => {
  test.each([
    ["a line end", "a\r\nx-evil: 1"],
    ["a blank", "a b"],
    ["letters beyond ASCII", "ä"],
    ["nothing", ""],
    ["a NUL", "a\u0000"],
  ])("S24 a token with %s is refused and not sent", async (_what, token) => {
    const { mkdtempSync, rmSync, writeFileSync } = await import("node:fs");
    const home = mkdtempSync("/tmp/waybill-token-");
    await using host = await evilHost(({ target, headers }, response) => {
      if (target.startsWith("/token")) return answerWith(response, 200, { body: { token } });
      const realm = `Bearer realm="http://${String(headers["host"])}/token"`;
      return answerWith(response, 401, { headers: { "www-authenticate": realm } });
    });
    writeFileSync(`${home}/config.json`, JSON.stringify({ auths: { [host.host]: basicEntry("me", "secret") } }));
    const ran = await runInProcess(inspectAt(host.host), { env: { DOCKER_CONFIG: home } });
    expect(ran.stderr).toMatch(/its answer holds no usable token/);
    expect(
      host.arrived.filter(({ target, headers }) => target.startsWith("/v2/") && headers["authorization"] !== undefined),
    ).toEqual([]);
    rmSync(home, { recursive: true });
  });
});
