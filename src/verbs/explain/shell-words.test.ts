import * as fc from "fast-check";
import { expect, test } from "vitest";
import { quoted, shellWords } from "./shell-words.ts";

test.each([
  ["a  b\tc", ["a", "b", "c"]],
  [`'a b' "c d" e\\ f`, ["a b", "c d", "e f"]],
  [`-t '' ""`, ["-t", "", ""]],
  [`'it'\\''s'`, ["it's"]],
  [`"a \\"b\\""`, [`a "b"`]],
  ["a b | tee log", ["a", "b"]],
  ["a b; rm -rf ~", ["a", "b"]],
  ["a && b", ["a"]],
  ["a 2>&1", ["a"]],
  ["a >out", ["a"]],
])("shellWords splits %s", (text, words) => {
  expect(shellWords(text)).toEqual({ words, needsShell: false });
});

test.each(["$(jq x)", "$TAG", `"$TAG"`, "`date`", "*", "a{b,c}", "~/x"])(
  "shellWords notices that %s needs a shell",
  (text) => {
    expect(shellWords(`a ${text}`)?.needsShell).toBe(true);
  },
);

test.each([`'$TAG'`, `'*'`, `"a*{b}~"`])("shellWords takes %s as it is written", (text) => {
  expect(shellWords(text)?.needsShell).toBe(false);
});

test.each([`'a`, `"a`, `a "b' c`])("shellWords gives nothing for %s, whose quote is open", (text) => {
  expect(shellWords(text)).toBeUndefined();
});

test("shellWords reads back what quoted wrote", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1, maxLength: 5 }), (words) => {
      expect(shellWords(words.map(quoted).join(" "))).toEqual({ words, needsShell: false });
    }),
  );
});
