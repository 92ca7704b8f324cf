import { readFileSync } from "node:fs";
import * as tls from "node:tls";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { fakeEnvironment } from "../../test/support/credential-environment.ts";
import { WaybillError } from "../errors.ts";
import { Secret } from "../http/send.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
import { tlsSettings, type TlsOptions } from "./tls.ts";

const pem = (name: string, what = "CERTIFICATE") => `-----BEGIN ${what}-----\n${name}\n-----END ${what}-----`;
const fixture = readFileSync(new URL("../../test/fixtures/tls/authorities.pem", import.meta.url), "utf8");
const key = readFileSync(new URL("../../test/fixtures/tls/key.pem", import.meta.url), "utf8");

/** A certificate that can be read. */
function real(name: "mine" | "mine2" | "extra" | "own" | "podman" | "client"): string {
  return new RegExp(`^${name}\n(-----BEGIN .*?-----END CERTIFICATE-----)`, "ms").exec(fixture)![1]!;
}

function settingsOver(
  files: Record<string, string>,
  options: Partial<TlsOptions> & { env?: Record<string, string> } = {},
) {
  const environment = fakeEnvironment({ files, env: options.env ?? {} });
  const events: WaybillEvent[] = [];
  const report = (event: WaybillEvent) => void events.push(event);
  const read: string[] = [];
  const watched = { ...environment, readFile: (path: string) => (read.push(path), environment.readFile(path)) };
  const settings = tlsSettings({
    files: watched,
    clock: fakeClock(),
    report,
    systemAuthorities: async () => [],
    ...options,
  });
  return { settings, events, read };
}

describe("tlsSettings", () => {
  test("joins Node's, the system's, NODE_EXTRA_CA_CERTS' and the flag's authorities, each once", async () => {
    const files = { "/extra.pem": real("extra"), "/mine.pem": `text\r\n${real("mine")}\n${real("mine2")}` };
    const { settings } = settingsOver(files, {
      env: { NODE_EXTRA_CA_CERTS: "/extra.pem" },
      caFiles: ["/mine.pem"],
      systemAuthorities: async () => [
        tls.rootCertificates[0]!.replace(/\n/g, "\r\n").replace(/(\w{40})/, "$1\r\n"),
        pem("system"),
      ],
    });

    const { ca, rejectUnauthorized } = await settings("reg.example:443");

    expect(ca.slice(tls.rootCertificates.length)).toEqual([pem("system"), real("mine"), real("mine2"), real("extra")]);
    expect(rejectUnauthorized).toBe(true);
  });

  test("passes over what cannot be read among the many of NODE_EXTRA_CA_CERTS", async () => {
    const files = { "/extra.pem": `${pem("broken")}\n${real("extra")}` };
    const { settings } = settingsOver(files, { env: { NODE_EXTRA_CA_CERTS: "/extra.pem" } });
    expect((await settings("reg.example:443")).ca.at(-1)).toBe(real("extra"));
  });

  test("reads docker's certs.d for the host alone, and reads everything once", async () => {
    const dir = "/etc/docker/certs.d/reg.example:5000";
    const files = {
      [`${dir}/ca.crt`]: real("own"),
      [`${dir}/client.cert`]: real("client"),
      [`${dir}/client.key`]: key,
      "/etc/containers/certs.d/reg.example/x.crt": real("podman"),
    };
    const { settings, read } = settingsOver(files);

    const [first, again] = await Promise.all([settings("reg.example:5000"), settings("REG.example:5000")]);

    expect(again).toBe(first);
    expect(first.ca.at(-1)).toBe(real("own"));
    expect(first).toMatchObject({ cert: real("client"), key });
    expect((await settings("reg.example:443")).ca.at(-1)).toBe(real("podman"));
    expect((await settings("reg.example.evil.test:5000")).cert).toBeUndefined();
    expect(read).toHaveLength(4);
  });

  test("goes without a certs.d that is closed to us", async () => {
    const environment = fakeEnvironment();
    const closed = () => Promise.reject(new WaybillError("io_failed", "Cannot read: EACCES"));
    const options = { clock: fakeClock(), systemAuthorities: async () => [] };

    const { ca } = await tlsSettings({ ...options, files: { ...environment, readDir: closed } })("a.test:443");
    expect(ca).toHaveLength(tls.rootCertificates.length);
  });

  test("reads nothing before the first TLS connection", () => {
    expect(settingsOver({}, { caFiles: ["/mine.pem"] }).read).toEqual([]);
  });

  test("checks no certificate of exactly the hosts that are insecure", async () => {
    const builder = new Map([
      [
        "built.test",
        { ca: [real("mine")], keypairs: [{ certificate: "C", key: new Secret("K") }], mirrors: [], insecure: true },
      ],
    ]);
    const { settings } = settingsOver({}, { insecure: ["reg.example", "other.test:5000", "docker.io"], builder });
    const rejects = async (host: string) => (await settings(host)).rejectUnauthorized;

    expect(
      await Promise.all(
        ["reg.example:443", "reg.example", "other.test:5000", "registry-1.docker.io:443", "built.test:443"].map(
          rejects,
        ),
      ),
    ).toEqual(Array(5).fill(false));
    expect(
      await Promise.all(["reg.example:5000", "other.test:443", "x.reg.example:443", "auth.docker.io:443"].map(rejects)),
    ).toEqual(Array(4).fill(true));
    expect(await settings("built.test:443")).toMatchObject({ cert: "C", key: "K" });
  });

  test("tells once of a builder's file that buildx keeps no copy of, where its host is spoken to", async () => {
    const without = (missing: readonly string[]) => ({ ca: [], keypairs: [], mirrors: [], missing });
    const builder = new Map([
      ["a.test", without(["/elsewhere.pem"])],
      ["b.test", without(["/other.pem"])],
    ]);
    const { settings, events } = settingsOver({}, { builder });
    await settings("a.test:443");
    await settings("a.test:443");
    expect(events).toMatchObject([
      {
        type: "warning",
        message: expect.stringContaining('The builder\'s "/elsewhere.pem" for "a.test:443" is ignored'),
      },
    ]);
  });

  test("ignores NODE_TLS_REJECT_UNAUTHORIZED=0 with one warning that names the flag (S15)", async () => {
    const { settings, events } = settingsOver({}, { env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } });

    const seen = await Promise.all([settings("a.test:443"), settings("b.test:443")]);

    expect(seen.map(({ rejectUnauthorized }) => rejectUnauthorized)).toEqual([true, true]);
    expect(events).toMatchObject([
      { type: "warning", isUrgent: true, message: expect.stringContaining("--insecure HOST") as string },
    ]);
  });

  test.skipIf("getCACertificates" in tls)(
    "finds the system's store in SSL_CERT_FILE, SSL_CERT_DIR, or the usual bundle on an older Node",
    async () => {
      const bundle = { "/etc/pki/tls/certs/ca-bundle.crt": pem("bundle") };
      const named = { "/one.pem": pem("one"), "/dir/two.pem": pem("two"), "/dir/readme": "no certificate" };
      const last = async (env: Record<string, string>) => {
        const files = fakeEnvironment({ files: { ...bundle, ...named }, env });
        return (await tlsSettings({ files, clock: fakeClock() })("a.test:443")).ca.slice(tls.rootCertificates.length);
      };
      expect(await last({})).toEqual([pem("bundle")]);
      expect(await last({ SSL_CERT_FILE: "/one.pem", SSL_CERT_DIR: "/dir:/none" })).toEqual([pem("one"), pem("two")]);
    },
  );

  test.each([
    [{}, 'Cannot read "/mine.pem": there is no such file'],
    [{ "/mine.pem": "junk" }, 'Cannot use "/mine.pem": it holds no certificate in PEM'],
    [{ "/mine.pem": pem("AAAA") }, 'Cannot use "/mine.pem": its certificate cannot be read'],
    [{ "/mine.pem": "-----BEGIN CERTIFICATE-----\nAAAA" }, 'Cannot use "/mine.pem": its certificate cannot be read'],
    [{ "/mine.pem": `${real("mine")}\n${pem("x")}` }, 'Cannot use "/mine.pem": its certificate 2 cannot be read'],
  ])("says which file is wrong (%j)", async (files, message) => {
    await expect(settingsOver(files, { caFiles: ["/mine.pem"] }).settings("a.test:443")).rejects.toMatchObject({
      code: "invalid_config",
      message,
    });
  });

  test.each([
    ["certs.d", { files: { "/etc/docker/certs.d/a.test/x.crt": pem("AAAA") } }, '"/etc/docker/certs.d/a.test/x.crt"'],
    [
      "--cert-file",
      { files: { "/c.pem": pem("AAAA"), "/k.pem": pem("k", "PRIVATE KEY") }, certFile: "/c.pem", keyFile: "/k.pem" },
      '"/c.pem"',
    ],
    [
      "a builder",
      { files: {}, builder: new Map([["a.test", { ca: [pem("AAAA")], keypairs: [], mirrors: [] }]]) },
      'the builder\'s "ca" for "a.test:443"',
    ],
  ])("says where a certificate of %s cannot be read", async (_, { files, ...options }, where) => {
    await expect(settingsOver(files, options).settings("a.test:443")).rejects.toMatchObject({
      code: "invalid_config",
      message: `Cannot use ${where}: its certificate cannot be read`,
    });
  });

  test.each([
    [pem("AAAA", "EC PRIVATE KEY"), "cannot be read"],
    [key.replace("-----END PRIVATE KEY-----", ""), "cannot be read"],
    [pem("AAAA", "ENCRYPTED PRIVATE KEY"), "is encrypted"],
    [pem("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,85AF\n\nAAAA", "RSA PRIVATE KEY"), "is encrypted"],
  ])("says which file's private key is wrong, and how (%#)", async (text, what) => {
    const pair = { certFile: "/c.pem", keyFile: "/k.pem" };
    const dir = "/etc/docker/certs.d/a.test";
    const flags = settingsOver({ "/c.pem": real("client"), "/k.pem": text }, pair);
    const folder = settingsOver({ [`${dir}/x.cert`]: real("client"), [`${dir}/x.key`]: text });

    const failed = (file: string) => ({
      code: "invalid_config",
      message: `Cannot use "${file}": its private key ${what}`,
    });
    await expect(flags.settings("a.test:443")).rejects.toMatchObject(failed("/k.pem"));
    await expect(folder.settings("a.test:443")).rejects.toMatchObject(failed(`${dir}/x.key`));
  });

  test.each([
    ["parameters", `${pem("BggqhkjOPQMBBw==", "EC PARAMETERS")}\n${key}`],
    ["a certificate", `${real("client")}\n${key}`],
  ])("takes a key behind %s", async (_, text) => {
    const { settings } = settingsOver(
      { "/c.pem": real("client"), "/k.pem": text },
      { certFile: "/c.pem", keyFile: "/k.pem" },
    );
    expect((await settings("a.test:443")).key).toBe(text);
  });

  test("refuses a certificate without its key", async () => {
    expect(() => settingsOver({}, { certFile: "/c.pem" })).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
    const { settings } = settingsOver({ "/home/u/.docker/certs.d/a.test/x.cert": pem("x") });
    await expect(settings("a.test:443")).rejects.toMatchObject({ code: "invalid_config" });
  });

  test("takes the flags' client certificate for every host", async () => {
    const { settings } = settingsOver(
      { "/c.pem": real("client"), "/k.pem": key },
      { certFile: "/c.pem", keyFile: "/k.pem" },
    );

    expect(await settings("a.test:443")).toMatchObject({ cert: real("client"), key });
  });

  test("refuses an insecure host that is not host[:port]", () => {
    expect(() => settingsOver({}, { insecure: ["https://a.test"] })).toThrow(
      'Cannot use --insecure "https://a.test": it is not host[:port]',
    );
  });
});
