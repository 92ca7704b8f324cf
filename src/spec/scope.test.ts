import * as fc from "fast-check";
import { expect, test } from "vitest";
import { covers, mergeScopes, parseScope, repositoryOf, repositoryScope, scopeKey } from "./scope.ts";

test("repositoryScope writes actions in their usual order, each once", () => {
  expect(repositoryScope("a/b", "push", "pull", "push")).toBe("repository:a/b:pull,push");
});

test("parseScope finds the actions after the last colon when the name holds a port", () => {
  expect(parseScope("repository:host:5000/a:pull")).toEqual({
    type: "repository",
    name: "host:5000/a",
    actions: ["pull"],
  });
});

test.each([
  "",
  "repository",
  "repository:a",
  'repository:a":pull',
  "repository:a b:pull",
  "a\r\nb:c:pull",
  `repository:${"a".repeat(2000)}:pull`,
])("parseScope refuses %j", (text) => {
  expect(parseScope(text)).toBeUndefined();
});

test("mergeScopes joins the actions of one repository and keeps the order of first mention", () => {
  expect(mergeScopes(["repository:b:push", "repository:a:pull repository:b:pull", "junk"])).toEqual([
    "repository:b:pull,push",
    "repository:a:pull",
  ]);
});

test("mergeScopes stops at a hundred things when a challenge names more", () => {
  const many = Array.from({ length: 500 }, (_, at) => `repository:r${at}:pull`);

  expect(mergeScopes(many)).toHaveLength(100);
  expect(mergeScopes([many.join(" ")])).toHaveLength(100);
});

test("scopeKey is the same when the same permissions come in another order", () => {
  expect(scopeKey(["repository:b:push,pull", "repository:a:pull"])).toBe(
    scopeKey(["repository:a:pull", "repository:b:pull", "repository:b:push"]),
  );
});

test("covers holds exactly when every action is permitted", () => {
  const held = ["repository:a:pull,push", "registry:catalog:*"];

  expect(covers(held, ["repository:a:push", "registry:catalog:read"])).toBe(true);
  expect(covers(held, ["repository:a:delete"])).toBe(false);
  expect(covers(held, ["repository:ab:pull"])).toBe(false);
});

test("repositoryOf names repositories only", () => {
  expect(repositoryOf("repository(plugin):a/b:pull")).toBe("a/b");
  expect(repositoryOf("registry:catalog:*")).toBeUndefined();
});

test("a merge covers all its parts when the parts are scopes", () => {
  const scope = fc
    .tuple(fc.constantFrom("a", "b/c", "d:1/e"), fc.subarray(["pull", "push", "delete"] as const))
    .map(([name, actions]) => repositoryScope(name, ...actions));
  fc.assert(
    fc.property(fc.array(scope), (scopes) => {
      const merged = mergeScopes(scopes);
      expect(covers(merged, scopes)).toBe(true);
      expect(mergeScopes(merged)).toEqual(merged);
    }),
  );
});
