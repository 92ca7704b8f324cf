import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseScope, readToken, signToken, type Claims } from "./token.ts";

const key = Buffer.alloc(32, 7);
const claims: Claims = {
  iss: "r",
  aud: "r",
  sub: "ann",
  nbf: 1000,
  exp: 1300,
  use: "access",
  access: [{ type: "repository", name: "a/b", actions: ["pull"] }],
};
const at = { audience: "r", now: 1000 };

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

test("readToken gives what signToken wrote, from its first second until before its last", () => {
  const token = signToken(claims, key);
  expect(readToken(token, key, at)).toEqual(claims);
  expect(readToken(token, key, { ...at, now: 1299.9 })).toEqual(claims);
  expect(readToken(token, key, { ...at, now: 1300 })).toBeUndefined();
  expect(readToken(token, key, { ...at, now: 999.9 })).toBeUndefined();
});

test("readToken refuses another key and another audience", () => {
  const token = signToken(claims, key);
  expect(readToken(token, Buffer.alloc(32, 8), at)).toBeUndefined();
  expect(readToken(token, key, { ...at, audience: "other" })).toBeUndefined();
});

test("readToken refuses tokens that choose their algorithm or key", () => {
  const [, payload, signature] = signToken(claims, key).split(".");
  for (const head of [
    { alg: "none", typ: "JWT" },
    { alg: "HS512", typ: "JWT" },
    { alg: "HS256", typ: "JWT", kid: "../../dev/null" },
  ]) {
    expect(readToken(`${encoded(head)}.${payload}.${signature}`, key, at)).toBeUndefined();
    expect(readToken(`${encoded(head)}.${payload}.`, key, at)).toBeUndefined();
  }
});

test("readToken refuses a token of which any one character was changed", () => {
  const token = signToken(claims, key);
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.constantFrom("A", "B", ".", "-"), (place, char) => {
      const changed = token.slice(0, place) + char + token.slice(place + 1);
      // The last character of base64url carries two bits that mean nothing.
      if (changed !== token && place < token.length - 1) expect(readToken(changed, key, at)).toBeUndefined();
    }),
  );
});

test("readToken never throws", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(readToken(text, key, at)).toBeUndefined();
    }),
  );
});

test("parseScope reads names with colons and slashes, and nothing malformed", () => {
  expect(parseScope("repository:host:5000/a:pull,push,pull")).toEqual({
    type: "repository",
    name: "host:5000/a",
    actions: ["pull", "push"],
  });
  for (const text of [
    "",
    "repository",
    "repository:a",
    "repository::pull",
    "Repository:a:pull",
    "repository:a b:pull",
  ]) {
    expect(parseScope(text)).toBeUndefined();
  }
});
