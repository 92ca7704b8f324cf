import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { display, widthOf } from "../../spec/display.ts";
import { wrap } from "./wrap.ts";

describe("wrap", () => {
  test("breaks between words and lets the other lines begin below the first", () => {
    expect(wrap("the token may not write package acme/app", { columns: 24, first: "  why   " })).toEqual([
      "  why   the token may",
      "        not write",
      "        package acme/app",
    ]);
  });

  test("breaks a word that is longer than a line where the line ends, and loses nothing of it", () => {
    expect(wrap(`sha256:${"0123456789".repeat(2)}`, { columns: 12, first: "  " })).toEqual([
      "  sha256:012",
      "  3456789012",
      "  3456789",
    ]);
  });

  test("keeps spaces that forbid a break", () => {
    expect(wrap("\u00a0", { columns: 12, first: "why " })).toEqual(["why \u00a0"]);
  });

  test("leaves a line alone where there is no terminal", () => {
    expect(wrap("a ".repeat(500).trim(), { columns: Number.POSITIVE_INFINITY })).toHaveLength(1);
  });
});

test("wrap keeps within the columns, and says all of the text, whatever it is", () => {
  const anyText = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ maxLength: 80 }), fc.lorem());
  fc.assert(
    fc.property(anyText, fc.integer({ min: 12, max: 90 }), (text, columns) => {
      const lines = wrap(text, { columns, first: "  why   " });
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
      const said = lines.map((line) => line.slice(8)).join("");
      expect(said.replaceAll(" ", "")).toBe(display(text).replaceAll(" ", ""));
    }),
  );
});
