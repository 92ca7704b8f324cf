import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { display, displayJson, displayLines, widthOf } from "./display.ts";

describe("display", () => {
  test("leaves ordinary text alone", () => {
    for (const text of ["", "linux/arm64", "Größe 漢字 é ❤ 🚢", "a\\nb"]) expect(display(text)).toBe(text);
  });

  test("shows what a terminal would act on", () => {
    expect(display("\x1b[31mred\x07")).toBe("\\x1b[31mred\\x07");
    expect(display("\x1b]52;c;Zm9v\x9c")).toBe("\\x1b]52;c;Zm9v\\x9c");
    expect(display("a\r\nb\tc\x7f\0")).toBe("a\\r\\nb\\tc\\x7f\\x00");
    expect(display("\x9b2J")).toBe("\\x9b2J");
  });

  test("shows what reorders or hides", () => {
    expect(display("user\u202etxt.exe")).toBe("user\\u202etxt.exe");
    expect(display("\u2066a\u2069\u200b\u200d\ufeff\u00ad\u2028")).toBe(
      "\\u2066a\\u2069\\u200b\\u200d\\ufeff\\xad\\u2028",
    );
    expect(display("\u{e0041}")).toBe("\\U000e0041");
    expect(display("a\ud800b")).toBe("a\\ud800b");
  });

  test("cuts at the width and says so", () => {
    expect(display("abcdef", 6)).toBe("abcdef");
    expect(display("abcdefg", 6)).toBe("abcde…");
    expect(display("漢字漢字", 5)).toBe("漢字…");
    expect(display("abc", 1)).toBe("…");
    expect(display("abc", 0)).toBe("");
  });

  test("holds no control character and keeps its width, whatever comes in", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.integer({ min: 0, max: 30 }), (text, width) => {
        // oxlint-disable-next-line no-control-regex
        expect(display(text)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u);
        expect(widthOf(display(text, width))).toBeLessThanOrEqual(width);
        expect(display(display(text))).toBe(display(text));
      }),
    );
  });
});

test("displayJson means the same and holds nothing that display escapes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const shown = displayJson(JSON.stringify({ [text]: [text] }));
      expect(JSON.parse(shown)).toEqual({ [text]: [text] });
      expect(display(shown)).toBe(shown);
    }),
  );
});

test("displayJson leaves the lines of indented JSON as they are", () => {
  const shown = displayJson(JSON.stringify({ a: "\u202e\n" }, undefined, 2));
  expect(shown).toBe('{\n  "a": "\\u202e\\n"\n}');
});

test("displayLines keeps line feeds and tabs only", () => {
  expect(displayLines('{\n\t"a": 1\r\x1b\n}')).toBe('{\n\t"a": 1\\r\\x1b\n}');
});
