import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readLines, type Line, type ReadingLimits } from "./lines.ts";

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string | Uint8Array, { size = 7, ...limits }: ReadingLimits & { size?: number } = {}) {
  const lines: Line[] = [];
  const reading = await readLines(inChunks(Buffer.from(text as string), size), (line) => lines.push(line), limits);
  return { texts: lines.map((line) => line.text), numbers: lines.map((line) => line.number), reading };
}

describe("readLines", () => {
  test("numbers lines from 1, whatever ends them", async () => {
    const { texts, numbers, reading } = await read("a\r\n\nc");

    expect(texts).toEqual(["a", "", "c"]);
    expect(numbers).toEqual([1, 2, 3]);
    expect(reading).toEqual({ bytes: 5, lines: 3, isWhole: true, cutLines: 0 });
  });

  test("gives the same lines however the log is cut into chunks", async () => {
    const log = fc.array(fc.string({ unit: "grapheme" }), { maxLength: 20 }).map((lines) => lines.join("\n"));
    await fc.assert(
      fc.asyncProperty(log, fc.integer({ min: 1, max: 50 }), async (text, size) => {
        expect(await read(text, { size })).toEqual(await read(text, { size: 1_000_000 }));
      }),
    );
  });

  test("looks at the beginning of a long line only, and counts it", async () => {
    const { texts, reading } = await read(`${"x".repeat(50)}end\nshort`, { maxLineLength: 10 });

    expect(texts).toEqual(["xxxxxxxxxx", "short"]);
    expect(reading.cutLines).toBe(1);
  });

  test("stops at the limit, reads no further, and says so", async () => {
    let asked = 0;
    const endless = async function* () {
      for (;;) {
        asked += 1;
        yield Buffer.from("line\n");
      }
    };
    const lines: Line[] = [];

    const reading = await readLines(endless(), (line) => lines.push(line), { maxBytes: 12 });

    expect(reading).toEqual({ bytes: 12, lines: 3, isWhole: false, cutLines: 0 });
    expect(lines.at(-1)?.text).toBe("li");
    expect(asked).toBe(3);
  });

  test.each([
    ["utf16le" as const, 1],
    ["utf16le" as const, 5],
  ])("reads %s in chunks of %d bytes", async (encoding, size) => {
    const bytes = Buffer.from("\ufeffERROR: ü\nnext", encoding);

    expect((await read(bytes, { size })).texts).toEqual(["ERROR: ü", "next"]);
    expect((await read(bytes.swap16(), { size })).texts).toEqual(["ERROR: ü", "next"]);
  });

  test("takes colours out of lines and leaves other control characters for display to show", async () => {
    const { texts } = await read("\u001b[31mERROR\u001b[0m: no\u0007\u001b[2K\n");

    expect(texts).toEqual(["ERROR: no\u0007"]);
  });

  test("reads an empty log as no line", async () => {
    expect((await read("")).reading).toEqual({ bytes: 0, lines: 0, isWhole: true, cutLines: 0 });
    expect((await read("a")).texts).toEqual(["a"]);
  });
});
