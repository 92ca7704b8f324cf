import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { widthOf } from "../../spec/display.ts";
import { composeLine, squeeze, type Part } from "./line.ts";

const parts: readonly Part[] = [
  { text: "name" },
  { text: "40.9 / 60.0 MB", rank: 1, instead: { text: "68%" } },
  { text: "12.1 MB/s", rank: 3 },
  { text: "2s left", rank: 2 },
];

describe("composeLine", () => {
  test.each([
    [80, "name  40.9 / 60.0 MB  12.1 MB/s  2s left"],
    [40, "name  40.9 / 60.0 MB  2s left"],
    [25, "name  40.9 / 60.0 MB"],
    [12, "name  68%"],
    [8, "name  …"],
    [4, "na…"],
  ])("composeLine at %i columns lets parts give way by rank", (columns, expected) => {
    expect(composeLine(parts, columns)).toBe(expected);
  });

  test("composeLine fills a part up to its width unless it is the last", () => {
    expect(
      composeLine(
        [
          { text: "a", width: 3 },
          { text: "b", width: 3 },
        ],
        20,
      ),
    ).toBe("a    b");
  });

  test("composeLine styles what is shown and keeps escapes of others out", () => {
    expect(composeLine([{ text: "a\u001b[2J", style: (text) => `<${text}>` }], 20)).toBe("<a\\x1b[2J>");
  });
});

test.each([
  ["127.0.0.1:5602/acme/app", 30, "127.0.0.1:5602/acme/app"],
  ["123456789012.dkr.ecr.eu-west-1.amazonaws.com/app", 24, "12345678901…naws.com/app"],
  ["app", 2, "…p"],
])("squeeze of %s to %i columns keeps both ends", (text, width, expected) => {
  expect(squeeze(text, width)).toBe(expected);
});

test("squeeze and composeLine never take more columns than they may", () => {
  const part = fc.record({ text: fc.string({ unit: "grapheme" }), rank: fc.nat(3), width: fc.nat(20), gap: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.integer({ min: 1, max: 60 }), (given, columns) => {
      expect(widthOf(composeLine(given, columns))).toBeLessThan(columns);
      expect(widthOf(squeeze(given[0]?.text ?? "", columns))).toBeLessThanOrEqual(columns);
    }),
  );
});
