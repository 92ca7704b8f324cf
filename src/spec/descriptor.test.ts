import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasCode } from "../errors.ts";
import { descriptorJson, parseDescriptor, platformJson } from "./descriptor.ts";
import { goJson } from "./json.ts";
import { mediaTypes } from "./media-type.ts";

const digest = `sha256:${"a".repeat(64)}`;
const plain = { mediaType: mediaTypes.ociManifest, digest, size: 7 };
const messageOf = (raw: unknown): string => {
  try {
    parseDescriptor(raw);
  } catch (error) {
    return hasCode(error, "invalid_manifest") ? error.message : "another error";
  }
  return "no error";
};

const ownReasons = [
  "expected sha256 or sha512 in lower-case hex",
  "not all values are strings",
  "not an object",
  "not an object, or the name of a member is written in the wrong case",
].join("|");

describe("parseDescriptor", () => {
  test("reads every member and drops the unknown", () => {
    const raw = {
      ...plain,
      urls: ["https://x.example/"],
      annotations: { a: "b" },
      data: "e30=",
      platform: { os: "windows", architecture: "amd64", "os.version": "10", "os.features": ["f"], variant: "v1", x: 1 },
      artifactType: "a/b",
      unknown: {},
    };
    expect(parseDescriptor(raw)).toEqual({
      ...plain,
      urls: ["https://x.example/"],
      annotations: { a: "b" },
      data: "e30=",
      platform: { os: "windows", architecture: "amd64", osVersion: "10", osFeatures: ["f"], variant: "v1" },
      artifactType: "a/b",
    });
  });

  test("takes null for absent, and a platform without parts for an empty one", () => {
    const nulls = { urls: null, annotations: null, data: null, platform: null };
    expect(parseDescriptor({ ...plain, ...nulls })).toEqual(plain);
    expect(parseDescriptor({ ...plain, platform: {} }).platform).toEqual({ os: "", architecture: "" });
  });

  test.each([
    ["mediaType", undefined],
    ["mediaType", ""],
    ["mediaType", "nonsense"],
    ["mediaType", "a/b\r\nx: y"],
    ["mediaType", "a/b\n;c"],
    ["mediaType", `a/${"b".repeat(200)}`],
    ["digest", undefined],
    ["digest", "sha256:../../x"],
    ["digest", digest.toUpperCase()],
    ["size", undefined],
    ["size", -1],
    ["size", 0.5],
    ["size", 2 ** 53],
    ["size", Number.POSITIVE_INFINITY],
    ["size", "12"],
    ["size", null],
    ["annotations", { a: 1 }],
    ["annotations", ["a"]],
    ["annotations", "a"],
    ["urls", "https://x.example/"],
    ["urls", [1]],
    ["Digest", `sha256:${"b".repeat(64)}`],
    ["platform", { OS: "linux" }],
    ["platform", "linux/amd64"],
    ["platform", []],
    ["artifactType", 1],
  ])("refuses %s: %j, and does not quote it", (key, value) => {
    expect(messageOf({ ...plain, [key]: value })).toMatch(
      new RegExp(`^Cannot read descriptor: (?:${key}[\\w.]*|document) is not valid(?:: (?:${ownReasons}))?$`),
    );
  });

  test.each([
    [{ digest: "sha256:x" }, "digest is not valid: expected sha256 or sha512 in lower-case hex"],
    [{ annotations: { a: 1 } }, "annotations is not valid: not all values are strings"],
    [{ Size: 1 }, "document is not valid: not an object, or the name of a member is written in the wrong case"],
  ])("says what is wrong with %j", (members, why) => {
    expect(messageOf({ ...plain, ...members })).toBe(`Cannot read descriptor: ${why}`);
  });

  test.each([undefined, null, 1, "x", []])("refuses %j for a descriptor", (raw) => {
    expect(messageOf(raw)).toMatch(/^Cannot read descriptor: /);
  });

  test("answers or throws a WaybillError for any JSON, and gives no prototype away", () => {
    const hostile = fc.dictionary(
      fc.constantFrom("__proto__", "constructor", "mediaType", "digest", "size", "platform", "annotations"),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), hostile), (given) => {
        const raw: unknown = JSON.parse(JSON.stringify(given));
        expect(messageOf(raw)).toMatch(/^no error$|^Cannot read descriptor: /);
        expect(({} as Record<string, unknown>)["size"]).toBeUndefined();
      }),
    );
  });

  test("keeps __proto__ among annotations a key like any other", () => {
    const raw: unknown = JSON.parse(
      `{"mediaType":"a/b","digest":"${digest}","size":1,"annotations":{"__proto__":"x","b":"y"}}`,
    );
    const { annotations } = parseDescriptor(raw);
    expect(Object.entries(annotations ?? {})).toEqual([
      ["__proto__", "x"],
      ["b", "y"],
    ]);
    expect(goJson(annotations)).toBe('{"__proto__":"x","b":"y"}');
  });
});

describe("descriptorJson", () => {
  test("has Go's field order and leaves empty members out", () => {
    const full = {
      artifactType: "a/b",
      platform: { variant: "v8", osFeatures: ["f"], osVersion: "1", os: "linux", architecture: "arm64" },
      data: "e30=",
      annotations: { z: "1", a: "2" },
      urls: ["https://x.example/"],
      ...parseDescriptor(plain),
    };
    expect(goJson(descriptorJson(full))).toBe(
      `{"mediaType":"${plain.mediaType}","digest":"${digest}","size":7,"urls":["https://x.example/"],` +
        '"annotations":{"a":"2","z":"1"},"data":"e30=",' +
        '"platform":{"architecture":"arm64","os":"linux","os.version":"1","os.features":["f"],"variant":"v8"},"artifactType":"a/b"}',
    );
    const empty = { ...parseDescriptor(plain), urls: [], annotations: {}, data: "", artifactType: "" };
    expect(goJson(descriptorJson(empty))).toBe(`{"mediaType":"${plain.mediaType}","digest":"${digest}","size":7}`);
  });

  test("always writes a platform's architecture and system, as Go does", () => {
    expect(goJson(platformJson({ os: "", architecture: "", variant: "", osVersion: "", osFeatures: [] }))).toBe(
      '{"architecture":"","os":""}',
    );
  });
});
