import * as fc from "fast-check";
import { expect, test } from "vitest";
import { nextLink } from "./link.ts";

test.each([
  ['</v2/_catalog?last=b&n=2>; rel="next"', "/v2/_catalog?last=b&n=2"],
  ["</v2/a/tags/list?n=1>;rel=next", "/v2/a/tags/list?n=1"],
  ['<https://r.example/x>; rel="prev", <https://r.example/y>; title="a, b; c"; rel="last next"', "https://r.example/y"],
  ['</a,b;c>; REL="NEXT"', "/a,b;c"],
  ['</x>; rel="nextish", </y>; rel="prev next"', "/y"],
  ['</x>; title="\\"; rel=next"', undefined],
  ['</x>; rel="prev"; rel="next"', undefined],
  ["</x", undefined],
  ["rel=next", undefined],
  ["", undefined],
])("nextLink reads %s", (value, expected) => {
  expect(nextLink([value])).toBe(expected);
});

test("nextLink looks through every header value", () => {
  expect(nextLink(['</a>; rel="prev"', '</b>; rel="next"'])).toBe("/b");
});

test("nextLink gives back any target that a link can hold", () => {
  const target = fc.string().filter((text) => !/[<>]/.test(text) && text === text.trim());
  fc.assert(
    fc.property(target, (text) => {
      expect(nextLink([`<${text}>; rel="next"`])).toBe(text);
    }),
  );
});

test("nextLink never throws for any text", () => {
  fc.assert(fc.property(fc.array(fc.string()), (values) => void nextLink(values)));
});

test("nextLink is linear when a header is made of nothing but delimiters", () => {
  const started = performance.now();
  for (const piece of ["<", '"', ",", ";", "<>", '<>;"', "rel=next;", "<>;rel=,"]) nextLink([piece.repeat(200_000)]);
  expect(performance.now() - started).toBeLessThan(5000);
});
