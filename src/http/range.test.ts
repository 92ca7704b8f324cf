import * as fc from "fast-check";
import { expect, test } from "vitest";
import { contentRangeOf, lastByteOf } from "./range.ts";

test.each([
  ["0-1023", 1023],
  ["bytes=0-1023", 1023],
  ["bytes 0-1023/*", 1023],
  ["bytes 0-1023/2048", 1023],
  ["bytes: 0-9", 9],
  [" 0 - 9 ", 9],
  ["0-0", 0],
  ["0--1", undefined],
  ["-1", undefined],
  ["5-9", undefined],
  ["0-99999999999999999999", undefined],
  ["0-9007199254740992", undefined],
  ["0-1,2-3", undefined],
  ["", undefined],
  [undefined, undefined],
])("lastByteOf reads %s", (header, expected) => {
  expect(lastByteOf(header)).toBe(expected);
});

test("lastByteOf gives back any offset in every shape that registries use", () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.constantFrom("", "bytes=", "bytes "),
      fc.constantFrom("", "/*"),
      (last, before, after) => {
        expect(lastByteOf(`${before}0-${last}${after}`)).toBe(last);
      },
    ),
  );
});

test.each([
  ["bytes 5-9/10", { first: 5, last: 9, total: 10 }],
  ["bytes 5-9/*", { first: 5, last: 9 }],
  ["bytes 9-5/10", undefined],
  ["bytes 0-10/10", undefined],
  ["bytes */10", undefined],
  [undefined, undefined],
])("contentRangeOf reads %s", (header, expected) => {
  expect(contentRangeOf(header)).toEqual(expected);
});

test("range parsers never throw and are linear for any text", () => {
  fc.assert(fc.property(fc.string(), (text) => void [lastByteOf(text), contentRangeOf(text)]));
  const started = performance.now();
  for (const piece of [" ", "0", "0-", "bytes "])
    void [lastByteOf(piece.repeat(100_000)), contentRangeOf(piece.repeat(100_000))];
  expect(performance.now() - started).toBeLessThan(2000);
});
