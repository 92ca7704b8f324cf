import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseChunkRange, parseRange } from "./range.ts";

test("parseRange gives bytes inside the content or says that there are none, whatever it reads", () => {
  const header = fc.oneof(
    fc.string(),
    fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
    fc.nat().map((a) => `bytes=${a}-`),
    fc.nat().map((a) => `bytes=-${a}`),
  );
  fc.assert(
    fc.property(fc.option(header, { nil: undefined }), fc.nat(), (text, size) => {
      const range = parseRange(text, size);
      if (range.kind === "unsatisfiable") return;
      expect(range.start).toBeLessThanOrEqual(range.end);
      expect(range.end).toBeLessThanOrEqual(size);
    }),
  );
});

test("parseRange reads several ranges and other units as no range", () => {
  for (const header of ["bytes=0-1,3-4", "lines=0-1", "bytes", "bytes=-", "bytes=a-b", "bytes=0x1-2"]) {
    expect(parseRange(header, 10)).toEqual({ kind: "whole", start: 0, end: 10 });
  }
});

test("parseRange refuses any range of an empty blob", () => {
  for (const header of ["bytes=0-", "bytes=-1", "bytes=0-0"]) expect(parseRange(header, 0).kind).toBe("unsatisfiable");
});

test("parseChunkRange reads what clients send, with the end after the last byte", () => {
  for (const header of ["0-9", "bytes 0-9/10", "bytes=0-9", "bytes 0-9/*"])
    expect(parseChunkRange(header)).toEqual({ start: 0, end: 10 });
});

test("parseChunkRange gives nothing for ranges that run backwards, and never throws", () => {
  expect(parseChunkRange("9-0")).toBeUndefined();
  fc.assert(
    fc.property(fc.string(), (text) => {
      const range = parseChunkRange(text);
      if (range) expect(range.start).toBeLessThan(range.end);
    }),
  );
});
