import * as v from "valibot";
import { expect, test } from "vitest";
import { recordOf } from "./record-schema.ts";

const schema = recordOf(v.pipe(v.string(), v.maxLength(20)), v.number());

test("recordOf keeps every own key, and knows of no other", () => {
  const read = v.parse(schema, JSON.parse('{"constructor":1,"prototype":2,"__proto__":3}'));

  expect(Object.entries(read)).toEqual([
    ["constructor", 1],
    ["prototype", 2],
    ["__proto__", 3],
  ]);
  expect(read["toString"]).toBeUndefined();
});

test.each([[null], ["text"], [[1]], [{ a: "1" }], [{ ["a".repeat(21)]: 1 }]])("recordOf refuses %j", (raw) => {
  expect(v.safeParse(schema, raw).success).toBe(false);
});
