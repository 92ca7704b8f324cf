import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bodyOf } from "../../test/support/samples.ts";
import type { Bytes, Replayable } from "../content/store.ts";
import { collect } from "../content/collect.ts";
import { sourceReader } from "./source-reader.ts";

const bytes = Buffer.from("0123456789".repeat(10));

function watched(pieceBytes = 7): { body: Replayable; opened: number[]; closed: () => number } {
  const opened: number[] = [];
  let closed = 0;
  async function* open(offset: number): Bytes {
    opened.push(offset);
    try {
      yield* bodyOf(bytes, pieceBytes)(offset);
    } finally {
      closed++;
    }
  }
  return { body: open, opened, closed: () => closed };
}

describe("sourceReader", () => {
  test("sourceReader reads following pieces of any size from one opening", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), async (lengths) => {
        const { body, opened, closed } = watched();
        await using reader = sourceReader(body, bytes.byteLength);
        const parts: Uint8Array[] = [];
        for (let at = 0, n = 0; at < bytes.byteLength; n++) {
          const length = Math.min(lengths[n % lengths.length]!, bytes.byteLength - at);
          await reader.prime(at);
          parts.push(await collect(reader.read(at, length), 1000));
          at += length;
        }
        expect(Buffer.concat(parts)).toEqual(bytes);
        expect(opened).toEqual([0]);
        expect(closed()).toBe(1);
      }),
    );
  });

  test("sourceReader gives pieces whole from one opening, and remembers a whole body", async () => {
    const { body, opened, closed } = watched();
    await using reader = sourceReader(body, bytes.byteLength);
    await reader.prime(0);
    expect(Buffer.concat([...(await reader.chunks(0, 33)), ...(await reader.chunks(33, 67))])).toEqual(bytes);
    expect([opened, closed()]).toEqual([[0], 1]);
    for (let round = 0; round < 2; round++) expect(Buffer.concat(await reader.chunks(0, 100))).toEqual(bytes);
    expect(Buffer.concat(await reader.chunks(90, 10))).toEqual(bytes.subarray(90));
    expect([opened, closed()]).toEqual([[0, 0], 2]);
  });

  test("sourceReader opens anew for another offset, and closes what it leaves", async () => {
    const { body, opened, closed } = watched();
    await using reader = sourceReader(body, bytes.byteLength);
    await collect(reader.read(0, 10), 100);
    expect(await collect(reader.read(50, 50), 100)).toEqual(bytes.subarray(50));
    expect(opened).toEqual([0, 50]);
    expect(closed()).toBe(2);
  });

  test("sourceReader never shares its source with a piece that was abandoned in the middle", async () => {
    const { body, opened } = watched();
    await using reader = sourceReader(body, bytes.byteLength);
    const abandoned = reader.read(0, 100)[Symbol.asyncIterator]();
    await abandoned.next();
    expect(await collect(reader.read(0, 100), 100)).toEqual(bytes);
    expect(opened).toEqual([0, 0]);
    expect(reader.failure).toBeUndefined();
  });

  test("sourceReader tells the source's failure, also while it only waits for the first chunk", async () => {
    const boom = new Error("boom");
    async function* failing(): Bytes {
      throw boom;
    }
    await using reader = sourceReader(failing, 10);
    await expect(reader.prime(0)).rejects.toBe(boom);
    expect(reader.failure?.error).toBe(boom);
  });

  test.each([99, 101])("sourceReader refuses a source of 100 bytes for a blob of %i", async (size) => {
    await using reader = sourceReader(watched().body, size);
    await expect(collect(reader.read(0, size), 1000)).rejects.toMatchObject({ code: "size_mismatch" });
    expect(reader.failure).toBeDefined();
    await expect(reader.chunks(0, size)).rejects.toMatchObject({ code: "size_mismatch" });
  });

  test("sourceReader ends what it had begun for nothing", async () => {
    const { body, closed } = watched();
    {
      await using reader = sourceReader(body, bytes.byteLength);
      await reader.prime(0);
    }
    expect(closed()).toBe(1);
  });
});
