import { inspect } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WaybillError } from "../../errors.ts";
import { entryCredential, matchingEntries, parseDockerConfig, placeOf, serverKey } from "./docker-config.ts";

const auth = (text: string) => Buffer.from(text).toString("base64");

function found(auths: Record<string, unknown>, registry: string, repository?: string) {
  const config = parseDockerConfig(JSON.stringify({ auths }), "config.json");
  const [first] = matchingEntries(config, registry, repository);
  return first && entryCredential(first, config.source);
}

describe("matchingEntries", () => {
  test("takes Docker Hub's entry when it is written in docker's old way", () => {
    const auths = { "https://index.docker.io/v1/": { auth: auth("hub:pw") } };

    expect(found(auths, "docker.io", "library/alpine")).toMatchObject({ kind: "basic", username: "hub" });
    expect(found(auths, "registry-1.docker.io")).toMatchObject({ username: "hub" });
  });

  test("prefers the longest path that ends at a border of the repository", () => {
    const auths = {
      "r.io": { auth: auth("host:x") },
      "r.io/a": { auth: auth("a:x") },
      "r.io/a/b": { auth: auth("ab:x") },
      "r.io/a/b/c": { auth: auth("abc:x") },
    };

    expect(found(auths, "r.io", "a/b")).toMatchObject({ username: "ab" });
    expect(found(auths, "r.io", "a/bc")).toMatchObject({ username: "a" });
    expect(found(auths, "r.io", "ab")).toMatchObject({ username: "host" });
  });

  test.each([
    ["gcr.io", "eu.gcr.io"],
    ["eu.gcr.io", "gcr.io"],
    ["registry.io", "registry.io.evil.com"],
    ["registry.io", "registry.io:5000"],
    ["registry.io:443", "registry.io"],
    ["https://docker.io.evil.com/v1/", "docker.io"],
    ["https://user@registry.io", "registry.io"],
  ])("does not give the entry of %s to %s", (key, registry) => {
    expect(found({ [key]: { auth: auth("u:p") } }, registry)).toBeUndefined();
  });

  test("never matches when the host is a look-alike (100,000 of them)", () => {
    const real = "registry.example.com:5000";
    const config = parseDockerConfig(JSON.stringify({ auths: { [real]: { auth: auth("u:p") } } }), "config.json");
    const piece = fc.stringMatching(/^[a-z0-9.:-]{1,4}$/);
    const alike = fc.oneof(
      piece.map((it) => it + real),
      piece.map((it) => real + it),
      fc.tuple(fc.nat(real.length - 1), piece).map(([at, it]) => real.slice(0, at) + it + real.slice(at)),
      fc.nat(real.length - 1).map((at) => real.slice(0, at) + real.slice(at + 1)),
      fc
        .tuple(fc.nat(real.length - 1), fc.constantFrom("x", "0", "-", "."))
        .map(([at, it]) => real.slice(0, at) + it + real.slice(at + 1)),
    );
    fc.assert(
      fc.property(alike, fc.constantFrom("", "a", "a/b"), (host, repository) => {
        fc.pre(host !== real);
        return matchingEntries(config, host, repository).length === 0;
      }),
      { numRuns: 100_000 },
    );
  });
});

describe("entryCredential", () => {
  test("prefers registrytoken to identitytoken to a password", () => {
    const entry = { auth: auth("u:p"), identitytoken: "idt", registrytoken: "regt" };

    expect(found({ "r.io": entry }, "r.io")?.kind).toBe("registry-token");
    expect(found({ "r.io": { ...entry, registrytoken: "" } }, "r.io")?.kind).toBe("identity-token");
    expect(found({ "r.io": { username: "u", password: "p" } }, "r.io")?.kind).toBe("basic");
  });

  test("keeps colons and umlauts in a password, and drops the padding of old docker", () => {
    const credential = found({ "r.io": { auth: auth("u:p:ä\0\0") } }, "r.io");

    expect(credential?.kind === "basic" && credential.password.reveal()).toBe("p:ä");
  });

  test("finds nothing when docker left an empty entry", () => {
    expect(found({ "r.io": {} }, "r.io")).toBeUndefined();
  });

  test.each(["%%%", auth("nocolon"), auth(":nouser")])("refuses auth %j and does not quote it", (text) => {
    expect(() => found({ "r.io": { auth: text } }, "r.io")).toThrow(
      /^Cannot read credentials in config.json: "auth" of its entry for "r.io"/,
    );
    expect(() => found({ "r.io": { auth: text } }, "r.io")).not.toThrow(text);
  });

  test("refuses a token that could end a header", () => {
    expect(() => found({ "r.io": { registrytoken: "a\r\nx: y" } }, "r.io")).toThrow("control characters");
  });
});

describe("parseDockerConfig", () => {
  test("takes an empty file for an empty config", () => {
    expect(parseDockerConfig("", "f").auths).toEqual([]);
  });

  test.each([
    "{",
    "null",
    "[]",
    "[]1",
    '{"auths":[]}',
    '{"auths":{"r.io":3}}',
    '{"auths":{"r.io":[]}}',
    '{"credHelpers":"x"}',
    '{"auths":' + "[".repeat(100) + "]".repeat(100) + "}",
  ])("refuses %s as invalid_config", (text) => {
    expect(() => parseDockerConfig(text, "f")).toThrow(expect.objectContaining({ code: "invalid_config" }));
  });

  test("takes __proto__ for a key like any other", () => {
    const config = parseDockerConfig(
      '{"__proto__":{"credsStore":"evil"},"auths":{"__proto__":{"auth":"x"},"constructor":{}},"credHelpers":{"__proto__":"x"}}',
      "f",
    );

    expect(config.credsStore).toBeUndefined();
    expect(config.auths.map(({ host }) => host)).toEqual(["constructor"]);
    expect({}).not.toHaveProperty("auth");
  });

  test("throws nothing but typed errors when the JSON is arbitrary", () => {
    const members = fc.record(
      { auths: fc.jsonValue(), credHelpers: fc.jsonValue(), credsStore: fc.jsonValue() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          members,
          fc.dictionary(fc.string(), fc.jsonValue()).map((auths) => ({ auths })),
        ),
        (document) => {
          try {
            const config = parseDockerConfig(JSON.stringify(document), "f");
            for (const entry of config.auths) entryCredential(entry, "f");
          } catch (error) {
            expect(error).toBeInstanceOf(WaybillError);
          }
        },
      ),
    );
  });

  test("shows no secret when a credential is printed", () => {
    const credential = found({ "r.io": { auth: auth("u:canary-4711") } }, "r.io");

    expect(inspect(credential, { depth: 9, showHidden: true }) + JSON.stringify(credential)).not.toContain("canary");
  });
});

test("placeOf reads the forms that docker and podman write", () => {
  expect(placeOf("https://Index.docker.io/v1/")).toEqual({ host: "docker.io", path: "" });
  expect(placeOf("http://localhost:5000")).toEqual({ host: "localhost:5000", path: "" });
  expect(placeOf("quay.io/team/app/")).toEqual({ host: "quay.io", path: "team/app" });
  expect(placeOf("")).toBeUndefined();
});

test("serverKey names Docker Hub as helpers know it", () => {
  expect([serverKey("docker.io"), serverKey("ghcr.io")]).toEqual(["https://index.docker.io/v1/", "ghcr.io"]);
});
