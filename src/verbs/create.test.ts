import { expect, test } from "vitest";
import { makeWorld } from "../../test/support/world.ts";

test.each([
  ["onError", "Abort", "abort, keep-going"],
  ["onError", null, "abort, keep-going"],
  ["onTagError", "roll-back", "finish, rollback"],
  ["verify", "", "ack, manifests, full"],
  ["strategy", 1, "parallel, serial"],
])("create refuses %s %j before it asks anybody", async (name, value, choices) => {
  const world = makeWorld();

  await expect(world.create({ sources: ["a:1"], tags: ["b:1"], [name]: value })).rejects.toMatchObject({
    code: "invalid_argument",
    message: `Cannot understand ${name} ${JSON.stringify(value)}: it is one of ${choices}`,
  });
  expect(world.requests).toEqual([]);
});
