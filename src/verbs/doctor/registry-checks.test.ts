import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { WaybillError } from "../../errors.ts";
import type { LineReport, TlsReport } from "../../http/network.ts";
import type { ContextOptions } from "../context.ts";
import { outcomeOf, Unreached, type Check } from "./check.ts";
import type { Patient } from "./patient.ts";
import { connection, http2, name, route } from "./registry/connection.ts";
import { manifest } from "./registry/manifest.ts";
import { tls } from "./registry/tls.ts";
import { unasked } from "./registry/unasked.ts";

const dayMs = 86_400_000;
const clock = fakeClock();
const { signal } = new AbortController();

interface Given {
  readonly host?: string;
  readonly reached?: () => Promise<void>;
  readonly line?: LineReport;
  readonly origin?: string;
  readonly options?: Partial<ContextOptions>;
}

/** What a check says of a patient of whom only this is known. */
async function said(check: Check<Patient>, given: Given) {
  const { host = "r.example", line = {}, origin = "https://r.example", options = {}, reached = async () => {} } = given;
  const patient = {
    host,
    reached,
    references: [],
    line: async () => line,
    origin: async () => origin,
    options: { env: {}, ...options },
    context: { clock },
  } as unknown as Patient;
  const { findings } = await outcomeOf(check, patient, signal);
  return findings.map(({ level, text }) => `${level}: ${text}`);
}

describe("route", () => {
  const env = { HTTPS_PROXY: "http://me:canary@proxy.example:3128", NO_PROXY: "other.example" };

  test("names the proxy without its password", async () => {
    expect(await said(route, { options: { env } })).toEqual(["ok: by the proxy proxy.example:3128"]);
  });

  test("says where NO_PROXY makes the difference, and nothing without a proxy", async () => {
    expect(await said(route, { options: { env }, origin: "https://a.other.example" })).toEqual([
      "ok: straight: NO_PROXY names it",
    ]);
    expect(await said(route, {})).toEqual([]);
    expect(await said(route, { options: { env }, origin: "http://r.example" })).toEqual([]);
  });
});

describe("name", () => {
  test("shows the first addresses, and whose they are behind a proxy", async () => {
    const lookup = {
      name: "r.example",
      addresses: ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"],
      durationMs: 4.2,
    };
    expect(await said(name, { line: { lookup } })).toEqual(["ok: 192.0.2.1, 192.0.2.2, 192.0.2.3 and 1 more (4 ms)"]);
    const proxied = { ...lookup, name: "proxy.example", addresses: ["192.0.2.9"] };
    expect(await said(name, { line: { proxy: "proxy.example:3128", lookup: proxied } })).toEqual([
      "ok: proxy proxy.example: 192.0.2.9 (4 ms)",
    ]);
    expect(
      await said(connection, {
        line: { proxy: "proxy.example:3128", connected: { address: "192.0.2.9", durationMs: 21 } },
      }),
    ).toEqual(["ok: to 192.0.2.9 by proxy proxy.example:3128 in 21 ms"]);
  });
});

test.each([
  [name, "lookup"],
  [connection, "connect"],
] as const)("%o says that a proxy is in between where it fails", async (check, during) => {
  const error = new WaybillError("connection_failed", "Cannot reach it");
  const lines = await said(check, { line: { proxy: "proxy.example:3128", failure: { during, error } } });

  expect(lines).toEqual(["failure: by the proxy proxy.example:3128: Cannot reach it"]);
});

describe("tls", () => {
  const usual: TlsReport = {
    durationMs: 10,
    protocol: "TLSv1.3",
    alpn: "h2",
    mustBeTrusted: true,
    subject: "*.r.example",
    issuer: "R1, Authority",
    validFromMs: clock.now() - dayMs,
    validToMs: clock.now() + 90.5 * dayMs,
  };
  const judged = (report: Partial<TlsReport>) => said(tls, { line: { tls: { ...usual, ...report } } });

  test.each([
    [{}, /^ok: TLSv1\.3, \*\.r\.example by R1, Authority, until 2024-02-13 \(90 days\)$/],
    [{ validToMs: clock.now() + 13.9 * dayMs }, /^warning: .*\(13 days\)$/],
    [{ distrust: "CERT_NOT_YET_VALID" }, /^failure: .*: it is not valid yet$/],
    [{ distrust: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" }, /^failure: .*: its authority is not known here$/],
    [{ distrust: "ERR_TLS_CERT_ALTNAME_INVALID" }, /^failure: .*: it is for another name$/],
    [{ distrust: "CRL_WHATEVER" }, /^failure: .*\(CRL_WHATEVER\)$/],
    [{ distrust: "CERT_HAS_EXPIRED", mustBeTrusted: false }, /^warning: /],
    [{ subject: "", issuer: "", validToMs: Number.NaN }, /^ok: TLSv1\.3, no name by nobody named, until no date$/],
  ])("judges %j", async (report, line) => {
    expect(await judged(report)).toEqual([expect.stringMatching(line)]);
  });

  test("warns of plain HTTP but on this machine", async () => {
    expect(await said(tls, { origin: "http://r.example" })).toEqual(["warning: plain HTTP"]);
    expect(await said(tls, { origin: "http://127.0.0.1:5000" })).toEqual(["note: plain HTTP, on this machine"]);
  });

  test.each([
    ["off", "h2", "note: offered; --http2 auto would use it"],
    ["auto", "h2", "note: offered; used"],
    ["auto", "http/1.1", "note: not offered"],
  ] as const)("tells what --http2 %s makes of %s", async (mode, alpn, line) => {
    expect(await said(http2, { line: { tls: { ...usual, alpn } }, options: { http2: mode } })).toEqual([line]);
  });
});

test("manifest names the command that makes a repository where pushing does not", async () => {
  const host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
  const location = { kind: "registry", host, repository: "a/b" } as const;
  const given = {
    host,
    references: [{ location, tag: "1" }],
    readable: async () => {},
    manifest: async () => undefined,
  };

  const { findings } = await outcomeOf(
    manifest,
    { ...given, reached: async () => {}, options: { signal } } as unknown as Patient,
    signal,
  );

  expect(findings[0]?.advice).toContain("aws ecr create-repository --repository-name a/b --region eu-west-1");
});

describe("unasked", () => {
  test.each([
    ["docker.io", "mounts blobs from other repositories; deletes no tags; tags may be immutable (docs/registries.md)"],
    ["ghcr.io", "deletes no tags; not known without a write: mounts, immutable tags (docs/registries.md)"],
    ["r.example", "not known without a write: mounts, deleting tags, immutable tags"],
  ])("tells of %s what docs/registries.md knows", async (host, text) => {
    expect(await said(unasked, { host })).toEqual([`note: ${text}`]);
  });

  test("says nothing of a registry that is not there", async () => {
    expect(await said(unasked, { reached: () => Promise.reject(new Unreached()) })).toEqual([]);
  });
});
