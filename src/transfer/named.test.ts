import { expect, test } from "vitest";
import { bytesOf } from "../../test/support/images.ts";
import { digestOf } from "../spec/digest.ts";
import { noNames, withNames } from "./named.ts";

test("withNames knows of the tags that it was told of, whatever they are called, and of no other", () => {
  const old = digestOf(bytesOf("old"));
  const names = withNames(withNames(noNames, { "1": old }), { "1": "absent", ["__proto__"]: old });

  expect(Object.entries(names)).toEqual([
    ["1", "absent"],
    ["__proto__", old],
  ]);
  expect([noNames["constructor"], names["constructor"]]).toEqual([undefined, undefined]);
});
