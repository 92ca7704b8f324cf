import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { algorithmOf, digestFrom, digestOf, hashFor, hexOf, isDigest, parseDigest, shortDigest } from "./digest.ts";

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef".split("")), minLength: length, maxLength: length });
const digests = fc.oneof(
  hex(64).map((text) => `sha256:${text}`),
  hex(128).map((text) => `sha512:${text}`),
);

describe("parseDigest", () => {
  test("takes every sha256 and sha512 in canonical spelling and splits it into its parts", () => {
    fc.assert(
      fc.property(digests, (text) => {
        const digest = parseDigest(text);
        expect(`${algorithmOf(digest)}:${hexOf(digest)}`).toBe(text);
      }),
    );
  });

  test.each([
    "",
    "sha256:",
    `sha256:${"a".repeat(63)}`,
    `sha256:${"a".repeat(65)}`,
    `sha256:${"A".repeat(64)}`,
    `SHA256:${"a".repeat(64)}`,
    `sha256:${"a".repeat(64)}\n`,
    ` sha256:${"a".repeat(64)}`,
    `sha256:../../${"a".repeat(58)}`,
    `sha512:${"a".repeat(64)}`,
    `sha384:${"a".repeat(96)}`,
    `md5:${"a".repeat(32)}`,
    `__proto__:${"a".repeat(64)}`,
    `sha256:${"a".repeat(10_000_000)}`,
  ])("refuses %.40s", (text) => {
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: "invalid_digest" }));
    expect(isDigest(text)).toBe(false);
  });

  test("refuses anything that is one character away from a digest", () => {
    fc.assert(
      fc.property(digests, fc.nat(), fc.string({ unit: "binary", maxLength: 2 }), (text, position, piece) => {
        const at = position % text.length;
        const changed = text.slice(0, at) + piece + text.slice(at + 1);
        fc.pre(!/^[0-9a-f]$/.test(piece));
        expect(isDigest(changed)).toBe(changed === text);
      }),
    );
  });

  test("is false for values that are no strings", () => {
    for (const value of [undefined, null, 1, {}, [`sha256:${"a".repeat(64)}`]]) expect(isDigest(value)).toBe(false);
  });

  test("quotes no more than a line of what it refuses", () => {
    expect(() => parseDigest("x".repeat(5000))).toThrow(/^.{0,260}$/);
  });
});

describe("digestOf", () => {
  test("is the known digest of nothing", () => {
    expect(digestOf(new Uint8Array())).toBe("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  test("agrees with a hash that was fed in pieces, for both algorithms", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array()),
        fc.constantFrom("sha256" as const, "sha512" as const),
        (pieces, algorithm) => {
          const whole = digestOf(Buffer.concat(pieces), algorithm);
          const hash = hashFor(whole);
          for (const piece of pieces) hash.update(piece);
          expect(digestFrom(hash, algorithm)).toBe(whole);
          expect(isDigest(whole)).toBe(true);
        },
      ),
    );
  });
});

describe("shortDigest", () => {
  test("keeps both ends of a digest, and short texts whole", () => {
    expect(shortDigest(`sha256:9f2c${"0".repeat(56)}41be`)).toBe("sha256:9f2c…41be");
    expect(shortDigest("sha256:abc")).toBe("sha256:abc");
  });
});
