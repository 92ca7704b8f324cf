import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WaybillError } from "../errors.ts";
import type { Digest } from "./digest.ts";
import {
  formatLocation,
  formatReference,
  isHost,
  isRepository,
  isTag,
  nameOf,
  normalizeHost,
  parseReference,
  sameLocation,
} from "./reference.ts";

const digest = `sha256:${"a".repeat(64)}` as Digest;
const sha512 = `sha512:${"b".repeat(128)}` as Digest;

describe("parseReference reads as docker does", () => {
  test.each([
    ["LOCALHOST/app", "localhost/app:latest"],
    ["alpine", "docker.io/library/alpine:latest"],
    ["alpine:3", "docker.io/library/alpine:3"],
    [`alpine@${digest}`, `docker.io/library/alpine@${digest}`],
    [`alpine:3@${digest}`, `docker.io/library/alpine:3@${digest}`],
    ["acme/app", "docker.io/acme/app:latest"],
    ["a/b/c/d", "docker.io/a/b/c/d:latest"],
    ["docker.io/alpine", "docker.io/library/alpine:latest"],
    ["index.docker.io/alpine", "docker.io/library/alpine:latest"],
    ["registry-1.docker.io/acme/app", "docker.io/acme/app:latest"],
    ["localhost/app", "localhost/app:latest"],
    ["localhost:5000/app:1", "localhost:5000/app:1"],
    ["r.example/app", "r.example/app:latest"],
    ["R.Example:443/app", "r.example:443/app:latest"],
    ["Host/app", "Host/app:latest"],
    ["127.0.0.1:5000/a/b:x", "127.0.0.1:5000/a/b:x"],
    ["[::1]/app", "[::1]/app:latest"],
    ["[::1]:5000/app:1", "[::1]:5000/app:1"],
    ["[2001:DB8::1]:5000/app", "[2001:db8::1]:5000/app:latest"],
    ["r.example:5000", "docker.io/library/r.example:5000"],
    ["a--b/c__d.e:T_1.-", "docker.io/a--b/c__d.e:T_1.-"],
    [`r.example/app@${sha512}`, `r.example/app@${sha512}`],
    [`${"a".repeat(64)}:tag`, `docker.io/library/${"a".repeat(64)}:tag`],
    [`r.example/${"a".repeat(255)}`, `r.example/${"a".repeat(255)}:latest`],
  ])("%.60s", (text, formatted) => {
    expect(formatReference(parseReference(text))).toBe(formatted);
    expect(parseReference(formatted)).toEqual(parseReference(text));
  });

  test.each([
    "",
    ":tag",
    "/app",
    "app/",
    "a//b",
    "UPPER",
    "r.example/UPPER",
    "r.example/",
    "a b",
    "app:",
    "app:-x",
    `app:${"x".repeat(129)}`,
    "app@",
    "app@sha256:abc",
    `app@md5:${"a".repeat(32)}`,
    `app@${digest}@${digest}`,
    "a".repeat(64),
    `r.example/${"a".repeat(256)}`,
    "r.example:port/app",
    "r_x.example/app",
    "-r.example/app",
    "[::1/app",
    "::1/app",
    "https://r.example/app",
    "r.example/app\r\nHost: evil",
    "r.example/app\0",
    "r.example/../x",
    "user:password@r.example/app",
    "localhost:99999/app",
    "[::1]:70000/app",
    "[:::]/app",
    "256.1.1.1/app",
    "1.2.3.4.5/app",
    "r.0x/app",
    "xn--a.example/app",
  ])("refuses %.60j", (text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: "invalid_reference" }));
  });

  test.each([
    ["https://r.example/app", 'a reference begins with its host: leave "https://" out'],
    ["docker://r.example:5000/app:1", 'a reference begins with its host: leave "docker://" out'],
    ["./out", "its host is not host[:port]; a folder is written oci-layout://./out"],
    ["../out:1", "its host is not host[:port]; a folder is written oci-layout://../out:1"],
  ])("says how %j is written", (text, why) => {
    expect(() => parseReference(text)).toThrow(`Cannot read reference "${text}": ${why}`);
  });
});

describe("parseReference reads layouts", () => {
  test.each([
    ["/path/to/oci/layout", { path: "/path/to/oci/layout" }, { tag: "latest" }],
    ["/path/to/oci/layout:1.3", { path: "/path/to/oci/layout" }, { tag: "1.3" }],
    [`/path/to/oci/layout@${digest}`, { path: "/path/to/oci/layout" }, { digest }],
    [`/path/to/oci/@/layout@${digest}`, { path: "/path/to/oci/@/layout" }, { digest }],
    ["/path/to/oci/@/layout", { path: "/path/to/oci/@/layout" }, { tag: "latest" }],
    ["a:1.3", { path: "a" }, { tag: "1.3" }],
    [String.raw`C:\path\to\oci\layout`, { path: String.raw`C:\path\to\oci\layout` }, { tag: "latest" }],
    ["C:/path/to/oci/layout", { path: "C:/path/to/oci/layout" }, { tag: "latest" }],
    [String.raw`C:\path\to\oci\layout:1.3`, { path: String.raw`C:\path\to\oci\layout` }, { tag: "1.3" }],
    [String.raw`C:\path\to\oci\layout@${digest}`, { path: String.raw`C:\path\to\oci\layout` }, { digest }],
    [
      String.raw`C:\path\to\oci\layout:1.3@${digest}`,
      { path: String.raw`C:\path\to\oci\layout` },
      { tag: "1.3", digest },
    ],
    ["dir:1/sub", { path: "dir:1/sub" }, { tag: "latest" }],
    ["x:-1", { path: "x:-1" }, { tag: "latest" }],
    ["p@q", { path: "p@q" }, { tag: "latest" }],
  ])("%s", (text, { path }, name) => {
    const reference = parseReference(`oci-layout://${text}`);
    expect(reference).toEqual({ location: { kind: "layout", path }, ...name });
    expect(parseReference(formatReference(reference))).toEqual(reference);
  });

  test.each(["", `@${digest}`, ":1", "a\0b", `a@sha256:${"a".repeat(40)}`])("refuses %j", (text) => {
    expect(() => parseReference(`oci-layout://${text}`)).toThrow(
      expect.objectContaining({ code: "invalid_reference" }),
    );
  });
});

describe("parseReference", () => {
  test("throws a WaybillError, or answers what it reads back from its own spelling, for any text", () => {
    const words = fc.constantFrom(
      "a",
      "app",
      "r.example",
      ":5000",
      ":",
      "/",
      "@",
      digest,
      "[::1]",
      "A",
      "..",
      "-",
      "latest",
      "oci-layout://",
      "C:",
      "\\",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(words, { maxLength: 8 }).map((all) => all.join("")),
    );
    fc.assert(
      fc.property(text, (given) => {
        try {
          const reference = parseReference(given);
          expect(parseReference(formatReference(reference))).toEqual(reference);
        } catch (error) {
          expect(error).toBeInstanceOf(WaybillError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("takes everything that the grammar makes and an address can hold", () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,5}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}$/);
    const repository = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    const host = fc
      .stringMatching(/^[a-z0-9]{1,5}(?:\.[a-z0-9]{1,5}){1,2}(?::[0-9]{1,5})?$/)
      .filter((text) => URL.canParse(`http://${text}`));
    const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/);
    fc.assert(
      fc.property(host, repository, tag, (host, repository, tag) => {
        expect(parseReference(`${host}/${repository}:${tag}@${digest}`)).toEqual({
          location: { kind: "registry", host: normalizeHost(host), repository },
          tag,
          digest,
        });
        expect([isHost(host), isRepository(repository), isTag(tag)]).toEqual([true, true, true]);
      }),
    );
  });

  test("ends soon when the text is built to make a matcher walk back", () => {
    for (const text of [
      "a-".repeat(50_000),
      "a.".repeat(50_000),
      `${"a".repeat(100_000)}!/x`,
      `r.example/${"a_".repeat(50_000)}!`,
    ]) {
      expect(() => parseReference(text)).toThrow(WaybillError);
    }
  });
});

describe("nameOf", () => {
  test("is the digest before the tag", () => {
    expect(nameOf(parseReference(`app:1@${digest}`))).toBe(digest);
    expect(nameOf(parseReference("app:1"))).toBe("1");
  });
});

describe("sameLocation", () => {
  test("compares where, not what", () => {
    const [one, other] = [parseReference("app:1").location, parseReference("docker.io/library/app:2").location];
    expect(sameLocation(one, other)).toBe(true);
    expect(sameLocation(one, parseReference("oci-layout://app").location)).toBe(false);
    expect(formatLocation({ kind: "memory", name: "m" })).toBe("memory://m");
  });
});
