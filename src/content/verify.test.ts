import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf } from "../spec/digest.ts";
import type { Bytes } from "./store.ts";
import { exactly, requireMatch, verified, verifiedManifest } from "./verify.ts";

const text = (value: string) => new TextEncoder().encode(value);

async function* chunks(...parts: readonly Uint8Array[]): Bytes {
  yield* parts;
}

/** What a reader saw before the end or the error. */
async function readAll(body: Bytes): Promise<{ bytes: Buffer; code?: unknown }> {
  const seen: Uint8Array[] = [];
  try {
    for await (const chunk of body) seen.push(chunk);
    return { bytes: Buffer.concat(seen) };
  } catch (error) {
    return { bytes: Buffer.concat(seen), code: (error as { code?: unknown }).code };
  }
}

describe("exactly", () => {
  test("exactly passes a body of the right size", async () => {
    expect(await readAll(exactly(4, chunks(text("ab"), text("cd"))))).toEqual({ bytes: Buffer.from("abcd") });
  });

  test("exactly refuses an early end", async () => {
    expect(await readAll(exactly(5, chunks(text("ab"))))).toMatchObject({ code: "size_mismatch" });
  });

  test("exactly hands out no chunk beyond the size and ends its source", async () => {
    let ended = false;
    async function* endless(): Bytes {
      try {
        while (true) yield text("abc");
      } finally {
        ended = true;
      }
    }
    expect(await readAll(exactly(7, endless()))).toEqual({ bytes: Buffer.from("abcabc"), code: "size_mismatch" });
    expect(ended).toBe(true);
  });
});

describe("verified", () => {
  const wanted = { digest: digestOf(text("abcdef")), size: 6 };

  test("verified passes the bytes that the descriptor names", async () => {
    expect(await readAll(verified(wanted, chunks(text("abc"), text("def"))))).toEqual({ bytes: Buffer.from("abcdef") });
  });

  test("verified passes an empty body that shall be empty", async () => {
    expect(await readAll(verified({ digest: digestOf(text("")), size: 0 }, chunks()))).toEqual({
      bytes: Buffer.alloc(0),
    });
  });

  test("verified checks sha512 as well", async () => {
    const digest = digestOf(text("abc"), "sha512");
    expect(await readAll(verified({ digest, size: 3 }, chunks(text("abc"))))).toEqual({ bytes: Buffer.from("abc") });
    expect(await readAll(verified({ digest, size: 3 }, chunks(text("abd"))))).toMatchObject({
      code: "digest_mismatch",
    });
  });

  test("verified holds the completing chunk back when the hash is wrong", async () => {
    const seen = await readAll(verified(wanted, chunks(text("abc"), text("deX"), new Uint8Array())));
    expect(seen).toEqual({ bytes: Buffer.from("abc"), code: "digest_mismatch" });
  });

  test("verified holds the completing chunk back when more follows", async () => {
    const seen = await readAll(verified(wanted, chunks(text("abc"), text("def"), text("g"))));
    expect(seen).toEqual({ bytes: Buffer.from("abc"), code: "size_mismatch" });
  });

  test("verified passes any body in any pieces, and never completes one with a flipped bit", async () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(parts, fc.nat(), async (pieces, where) => {
        const whole = Buffer.concat(pieces);
        const descriptor = { digest: digestOf(whole), size: whole.byteLength };
        expect(await readAll(verified(descriptor, chunks(...pieces)))).toEqual({ bytes: whole });
        if (whole.byteLength === 0) return;
        const copies = pieces.map((piece) => Uint8Array.from(piece));
        flipBit(copies, where % whole.byteLength);
        const damaged = await readAll(verified(descriptor, chunks(...copies)));
        expect(damaged.code).toBe("digest_mismatch");
        expect(damaged.bytes.byteLength).toBeLessThan(whole.byteLength);
      }),
    );
  });
});

function flipBit(pieces: readonly Uint8Array[], at: number): void {
  let left = at;
  for (const piece of pieces) {
    if (left < piece.byteLength) {
      piece[left]! ^= 1;
      return;
    }
    left -= piece.byteLength;
  }
}

test("requireMatch tells a wrong size from a wrong hash", () => {
  const wanted = { digest: digestOf(text("abc")), size: 3 };
  expect(() => requireMatch(wanted, text("abc"))).not.toThrow();
  expect(() => requireMatch(wanted, text("abcd"))).toThrow(expect.objectContaining({ code: "size_mismatch" }));
  expect(() => requireMatch(wanted, text("abd"))).toThrow(expect.objectContaining({ code: "digest_mismatch" }));
});

test("verifiedManifest keeps the digest it was asked for and refuses another type than announced", () => {
  const mediaType = "application/vnd.oci.image.index.v1+json";
  const bytes = text(JSON.stringify({ schemaVersion: 2, mediaType, manifests: [] }));
  const digest = digestOf(bytes, "sha512");
  expect(verifiedManifest(bytes, { digest, size: bytes.byteLength, mediaType }).descriptor.digest).toBe(digest);
  const other = { digest, size: bytes.byteLength, mediaType: "application/vnd.oci.image.manifest.v1+json" };
  expect(() => verifiedManifest(bytes, other)).toThrow(expect.objectContaining({ code: "invalid_manifest" }));
});
