import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseChallenge, parseChallenges } from "./challenge.ts";

describe("parseChallenges", () => {
  test("reads several challenges in one value when commas part both challenges and parameters", () => {
    const seen = parseChallenges([
      'Basic realm="a, b", charset="UTF-8", Bearer realm="https://x/t",scope="repository:a/b:pull,push"',
    ]);

    expect(seen.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])).toEqual([
      ["basic", { realm: "a, b", charset: "UTF-8" }],
      ["bearer", { realm: "https://x/t", scope: "repository:a/b:pull,push" }],
    ]);
  });

  test("reads odd case, odd blanks, escapes and a bare value", () => {
    const [only] = parseChallenges(['bEARER  Realm = "https://x/\\"t\\"" ,\tSERVICE=reg.example']);

    expect(only?.scheme).toBe("bearer");
    expect(Object.fromEntries(only?.parameters ?? [])).toEqual({ realm: 'https://x/"t"', service: "reg.example" });
  });

  test("steps over a token68 when another challenge follows", () => {
    expect(parseChallenges(["Negotiate YII/ab+c==, Basic realm=x"]).map(({ scheme }) => scheme)).toEqual([
      "negotiate",
      "basic",
    ]);
  });

  test("keeps the first of two parameters with one name, also one called __proto__", () => {
    const [only] = parseChallenges(['Bearer realm="a",realm="b",__proto__="c"']);

    expect([...(only?.parameters ?? [])]).toEqual([
      ["realm", "a"],
      ["__proto__", "c"],
    ]);
  });

  test("never throws and stays within its limits when the input is arbitrary", () => {
    const piece = fc.oneof(
      fc.constantFrom("Bearer ", "Basic", 'realm="', '"', "\\", ",", "=", " ", "scope=", "\0"),
      fc.string(),
    );
    fc.assert(
      fc.property(
        fc.array(
          fc.array(piece).map((it) => it.join("")),
          { maxLength: 20 },
        ),
        (values) => {
          const seen = parseChallenges(values);
          expect(seen.length).toBeLessThanOrEqual(16);
          for (const { parameters } of seen) expect(parameters.size).toBeLessThanOrEqual(32);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("reads back what was written when values hold any printable text", () => {
    const value = fc.stringMatching(/^[\x20-\x7e]{0,40}$/);
    fc.assert(
      fc.property(
        fc.constantFrom("Bearer", "BASIC", "x-y"),
        fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), value, { minKeys: 1 }),
        (scheme, wanted) => {
          const quoted = Object.entries(wanted).map(([name, text]) => `${name}="${text.replace(/["\\]/g, "\\$&")}"`);
          const [seen] = parseChallenges([`${scheme} ${quoted.join(", ")}`]);
          expect(seen?.scheme).toBe(scheme.toLowerCase());
          expect(Object.fromEntries(seen?.parameters ?? [])).toEqual({ ...wanted });
        },
      ),
    );
  });

  test.each([
    'Bearer a="' + "\\".repeat(5e5),
    ",".repeat(1e6),
    "a=".repeat(5e5),
    "Bearer ".repeat(2e5),
    "A ".repeat(5e5),
    "A" + " ".repeat(1e6) + "b",
  ])("ends at once when a value is huge (%#)", (value) => {
    const before = performance.now();
    parseChallenges([value]);
    expect(performance.now() - before).toBeLessThan(500);
  });
});

describe("chooseChallenge", () => {
  test("prefers Bearer when Basic comes first, also in another header line", () => {
    expect(
      chooseChallenge(["Basic realm=x", 'Bearer realm="https://x/t",service="s",error="insufficient_scope"']),
    ).toEqual({
      scheme: "bearer",
      realm: "https://x/t",
      service: "s",
      error: "insufficient_scope",
    });
  });

  test("takes Basic when Bearer names no realm", () => {
    expect(chooseChallenge(["Bearer, Basic realm=x"])).toEqual({ scheme: "basic" });
  });

  test("answers nothing when no scheme is ours", () => {
    expect(chooseChallenge(["Digest realm=x", ""])).toBeUndefined();
  });
});
