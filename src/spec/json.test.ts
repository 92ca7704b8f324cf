import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { goJson, parseJson, stringMap } from "./json.ts";

describe("parseJson", () => {
  test("reads what JSON.parse reads, from text and from bytes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        expect(parseJson(text)).toEqual(JSON.parse(text));
        expect(parseJson(Buffer.from(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  test("answers or throws a WaybillError that quotes nothing, for any bytes", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.stringMatching(/^[[\]{}":,0-9e.\\-]{0,40}$/).map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          try {
            parseJson(bytes, { what: "thing" });
          } catch (error) {
            expect(error).toMatchObject({
              message: "Cannot read thing: it is not valid JSON",
              code: "invalid_manifest",
            });
          }
        },
      ),
    );
  });

  test("counts levels outside strings only", () => {
    const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    expect(() => parseJson(nested(64))).not.toThrow();
    expect(() => parseJson(nested(65))).toThrow(expect.objectContaining({ code: "too_large" }));
    expect(() => parseJson(nested(3), { maxDepth: 2 })).toThrow("Cannot read JSON: nested deeper than 2 levels");
    expect(parseJson(JSON.stringify(`\\"${"[{".repeat(100)}`))).toBe(`\\"${"[{".repeat(100)}`);
    expect(() => parseJson(`"\\\\"${nested(65)}`)).toThrow(expect.objectContaining({ code: "too_large" }));
    expect(() => parseJson(`{"a":`.repeat(65) + "1" + "}".repeat(65))).toThrow(
      expect.objectContaining({ code: "too_large" }),
    );
  });

  test("does not count levels twice that were closed", () => {
    expect(parseJson(`[${"[],".repeat(1000)}[]]`)).toHaveLength(1001);
  });

  test("gives up at once when it is nested without end", () => {
    expect(() => parseJson("[".repeat(4_000_000))).toThrow(expect.objectContaining({ code: "too_large" }));
  });

  test("counts bytes, not characters", () => {
    expect(() => parseJson(JSON.stringify("é".repeat(4)), { maxBytes: 10 })).not.toThrow();
    expect(() => parseJson(JSON.stringify("é".repeat(5)), { maxBytes: 10 })).toThrow("12 bytes are more than 10");
  });

  test("refuses bytes that are not UTF-8", () => {
    expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(
      expect.objectContaining({ code: "invalid_manifest" }),
    );
  });
});

describe("stringMap", () => {
  test("holds every key as its own and changes no prototype", () => {
    const hostile = fc.constantFrom("__proto__", "constructor", "toString", "hasOwnProperty", "a", "1");
    fc.assert(
      fc.property(fc.array(fc.tuple(hostile, fc.string())), (entries) => {
        const map = stringMap(entries);
        expect(new Map(Object.entries(map))).toEqual(new Map(entries));
        expect(Object.getPrototypeOf(map)).toBeNull();
        expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain("a");
      }),
    );
  });
});

describe("goJson", () => {
  // What Go's json.Marshal and json.MarshalIndent(…, "", "  ") print for the same values.
  test.each([
    ["text", '"text"'],
    ['<a href="x">&</a>', '"\\u003ca href=\\"x\\"\\u003e\\u0026\\u003c/a\\u003e"'],
    ["\u2028\u2029", '"\\u2028\\u2029"'],
    ["\n\r\t\b\f\\/", '"\\n\\r\\t\\b\\f\\\\/"'],
    ["\u0000\u0001\u001f\u007f", '"\\u0000\\u0001\\u001f\u007f"'],
    ["é😀\ufffd", '"é😀\ufffd"'],
    ["\ud800x\udc00", '"\ufffdx\ufffd"'],
    [0, "0"],
    [9007199254740991, "9007199254740991"],
    [true, "true"],
    [null, "null"],
    [[], "[]"],
    [{}, "{}"],
    [{ b: 1, a: undefined, c: [] }, '{"b":1,"c":[]}'],
    [
      new Map([
        ["b", 1],
        ["a", 2],
      ]),
      '{"a":2,"b":1}',
    ],
    [new Map(), "{}"],
  ])("writes %j as Go does", (value, expected) => {
    expect(goJson(value)).toBe(expected);
  });

  test("indents as Go does, with empty lists and maps closed at once", () => {
    const value = {
      list: [1, { a: [] }],
      map: stringMap([
        ["z", "1"],
        ["a", "2"],
      ]),
      none: {},
    };
    expect(goJson(value, "  ")).toBe(`{
  "list": [
    1,
    {
      "a": []
    }
  ],
  "map": {
    "a": "2",
    "z": "1"
  },
  "none": {}
}`);
  });

  test("orders the keys of maps by their UTF-8 bytes, where UTF-16 would differ", () => {
    const keys = ["\uffee", "😀", "b", "a", "B", "10", "9", "é"];
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(
      Object.keys(
        JSON.parse(goJson(stringMap(sorted.filter((key) => !/^\d/.test(key)).map((key) => [key, ""])))) as object,
      ),
    ).toEqual(sorted.filter((key) => !/^\d/.test(key)));
    expect(
      goJson(
        stringMap([
          ["9", ""],
          ["10", ""],
        ]),
      ),
    ).toBe('{"10":"","9":""}');
    expect(sorted.indexOf("\uffee")).toBeLessThan(sorted.indexOf("😀"));
  });

  test("gives the same text whatever order a map was filled in, and JSON.parse reads it back", () => {
    const entries = fc.uniqueArray(fc.tuple(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" })), {
      selector: ([key]) => key,
    });
    fc.assert(
      fc.property(entries, fc.constantFrom("", "  "), (pairs, indent) => {
        const text = goJson(stringMap(pairs), indent);
        expect(goJson(stringMap(pairs.toReversed()), indent)).toBe(text);
        expect(new Map(Object.entries(JSON.parse(text) as object))).toEqual(new Map(pairs));
      }),
    );
  });

  test("is JSON.stringify with Go's escapes and its indentation for plain values", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(JSON.parse(goJson(value, "  "))).toEqual(JSON.parse(JSON.stringify(value)));
        expect(goJson(value)).not.toMatch(/[<>&\u2028\u2029]/);
      }),
    );
  });

  test("is never asked for more levels than parseJson lets through", () => {
    const deep = "[".repeat(64) + "]".repeat(64);
    expect(goJson(parseJson(deep))).toBe(deep);
  });
});
