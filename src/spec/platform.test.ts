import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasCode } from "../errors.ts";
import {
  formatPlatform,
  isUnknownPlatform,
  normalizePlatform,
  parsePlatform,
  platformMatches,
  type Platform,
} from "./platform.ts";

describe("parsePlatform", () => {
  test.each([
    ["linux/amd64", "linux/amd64"],
    ["linux/amd64/v1", "linux/amd64"],
    ["linux/amd64/v2", "linux/amd64/v2"],
    ["linux/x86_64", "linux/amd64"],
    ["linux/x86-64", "linux/amd64"],
    ["linux/i386", "linux/386"],
    ["linux/386/sse2", "linux/386/sse2"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/8", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/arm64/v8.0", "linux/arm64"],
    ["linux/arm64/9", "linux/arm64/v9"],
    ["linux/arm64/v9.0", "linux/arm64/v9"],
    ["linux/arm64/v8.2", "linux/arm64/v8.2"],
    ["linux/armhf", "linux/arm/v7"],
    ["linux/armel", "linux/arm/v6"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/arm/7", "linux/arm/v7"],
    ["linux/arm/5", "linux/arm/v5"],
    ["Linux/AMD64", "linux/amd64"],
    ["macOS/arm64", "darwin/arm64"],
    ["freebsd/riscv64", "freebsd/riscv64"],
    ["made-up/thing", "made-up/thing"],
    ["unknown/unknown", "unknown/unknown"],
    ["arm64", "linux/arm64"],
    ["armhf", "linux/arm/v7"],
    ["s390x", "linux/s390x"],
    ["linux", "linux/amd64"],
    ["windows", "windows/amd64"],
  ])("reads %s", (text, formatted) => {
    expect(formatPlatform(parsePlatform(text))).toBe(formatted);
  });

  test("reads the version of windows", () => {
    expect(parsePlatform("windows(10.0.17763)/amd64")).toEqual({
      os: "windows",
      architecture: "amd64",
      osVersion: "10.0.17763",
    });
    expect(parsePlatform("windows(10.0.17763)")).toEqual({
      os: "windows",
      architecture: "amd64",
      osVersion: "10.0.17763",
    });
  });

  test.each([
    ["windows(10.0.17763.1+win32k+b)/amd64", { osVersion: "10.0.17763.1", osFeatures: ["win32k", "b"] }],
    ["windows(+win32k)", { osFeatures: ["win32k"] }],
    ["windows(%2B+a%28b)/amd64", { osVersion: "+", osFeatures: ["a(b"] }],
    ["windows()/amd64", {}],
  ])("reads version and features in %s", (text, options) => {
    expect(parsePlatform(text)).toEqual({ os: "windows", architecture: "amd64", ...options });
  });

  test.each([
    "windows(+)/amd64",
    "windows(+b+)/amd64",
    "windows(10+b",
    "windows(%zz)/amd64",
    "(10)/amd64",
    "linux/amd64(1)",
    "arm64(1)",
    "li.nux/amd64",
    "",
    "/",
    "linux/",
    "/amd64",
    "linux//v7",
    "linux/arm/v7/x",
    "linux/amd64 ",
    "nonsense",
    "*/amd64",
    "win(10",
    "win(1)(2)/amd64",
    "linux/a\n",
  ])("refuses %j", (text) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: "invalid_platform" }));
    expect(() => parsePlatform(text)).toThrow(`invalid platform "${text}"`);
  });

  test("reads its own spelling back, or throws a WaybillError, for any text", () => {
    const piece = fc.constantFrom(
      "linux",
      "arm",
      "arm64",
      "amd64",
      "v7",
      "v8",
      "8",
      "windows",
      "(10.0)",
      "/",
      "x",
      "",
      "é",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(piece).map((all) => all.join("/")),
        ),
        (text) => {
          try {
            const platform = parsePlatform(text);
            expect(formatPlatform(parsePlatform(formatPlatform(platform)))).toBe(formatPlatform(platform));
          } catch (error) {
            expect(hasCode(error, "invalid_platform")).toBe(true);
          }
        },
      ),
    );
  });
});

const word = fc.constantFrom(
  "",
  "linux",
  "windows",
  "macos",
  "amd64",
  "arm",
  "arm64",
  "aarch64",
  "armhf",
  "386",
  "v1",
  "v7",
  "8",
  "v8",
  "7",
  "constructor",
  "__proto__",
);
const platforms: fc.Arbitrary<Platform> = fc.record(
  { os: word, architecture: word, variant: word },
  { requiredKeys: ["os", "architecture"] },
);

describe("normalizePlatform", () => {
  test("changes nothing the second time", () => {
    fc.assert(
      fc.property(platforms, (platform) => {
        const once = normalizePlatform(platform);
        expect(normalizePlatform(once)).toEqual(once);
      }),
    );
  });

  test("keeps version and features of the system", () => {
    const platform = { os: "windows", architecture: "amd64", osVersion: "10.0", osFeatures: ["win32k"] };
    expect(normalizePlatform(platform)).toEqual(platform);
  });
});

describe("platformMatches", () => {
  test("holds between spellings of one platform, in both directions, and follows the normal form", () => {
    fc.assert(
      fc.property(platforms, platforms, (a, b) => {
        const same = formatPlatform(normalizePlatform(a)) === formatPlatform(normalizePlatform(b));
        fc.pre(![a, b].some(({ os, architecture }) => os === "" || architecture === ""));
        expect(platformMatches(a, b)).toBe(same);
        expect(platformMatches(b, a)).toBe(same);
        expect(platformMatches(a, normalizePlatform(a))).toBe(true);
      }),
    );
  });

  test("tells variants apart", () => {
    expect(platformMatches(parsePlatform("linux/arm/v7"), parsePlatform("linux/arm"))).toBe(true);
    expect(platformMatches(parsePlatform("linux/arm/v7"), parsePlatform("linux/arm/v6"))).toBe(false);
    expect(platformMatches(parsePlatform("linux/amd64"), parsePlatform("linux/amd64/v2"))).toBe(false);
  });

  test("compares builds of Windows, where the candidate has one", () => {
    const wanted = parsePlatform("windows(10.0.17763)/amd64");
    const matches = (osVersion?: string) =>
      platformMatches(wanted, { os: "windows", architecture: "amd64", ...(osVersion !== undefined && { osVersion }) });
    expect([matches("10.0.17763.1"), matches("10.0.17763"), matches(), matches("")]).toEqual([true, true, true, true]);
    expect([matches("10.0.177631.1"), matches("10.0.20348.1")]).toEqual([false, false]);
  });

  test.each([
    ["linux/amd64", ["gpu"], false],
    ["linux(+gpu)/amd64", ["gpu"], true],
    ["linux(+gpu)/amd64", undefined, true],
    ["linux(+gpu+sse4)/amd64", ["sse4", "gpu", "sse4"], true],
    ["linux(+gpu)/amd64", ["gpu", "sse4"], false],
    ["linux/amd64", ["win32k"], false],
    ["windows/amd64", ["win32k"], true],
    ["windows(+win32k)/amd64", ["win32k", "b"], false],
    ["windows(+b)/amd64", ["win32k", "b"], true],
  ])("asks %s whether it has the features %j: %s", (text, osFeatures, expected) => {
    const wanted = parsePlatform(text);
    const { os } = wanted;
    const candidate = { os, architecture: "amd64", ...(osFeatures && { osFeatures }) };
    expect(platformMatches(wanted, candidate)).toBe(expected);
  });

  test("takes a candidate without a system for linux", () => {
    const candidate = { os: "", architecture: "amd64" };
    expect(platformMatches(parsePlatform("linux/amd64"), candidate)).toBe(true);
    expect(platformMatches(parsePlatform("windows/amd64"), candidate)).toBe(false);
  });

  test("compares no versions but those of Windows", () => {
    expect(platformMatches(parsePlatform("linux(6)/amd64"), { ...parsePlatform("linux/amd64"), osVersion: "5" })).toBe(
      true,
    );
  });
});

describe("isUnknownPlatform", () => {
  test("is what attestations have in an index", () => {
    expect(isUnknownPlatform({ os: "unknown", architecture: "unknown" })).toBe(true);
    expect(isUnknownPlatform({ os: "unknown", architecture: "amd64" })).toBe(false);
    expect(isUnknownPlatform(undefined)).toBe(false);
  });
});
