import { describe, expect, test } from "vitest";
import { targetOf } from "./request-head.ts";

describe("targetOf", () => {
  test.each([
    "https://r.example/v2/app/blobs/uploads/1?_state=a%2Fb==&digest=sha256:aa",
    "https://r.example/v2/app/../x//y?a/../b?c",
    String.raw`https://r.example/v2/app/blobs/uploads/1?x=a\b&digest=sha256:aa`,
    String.raw`HTTPS://r.example:5000/u?\\&digest=sha256:aa`,
  ])("keeps every byte of %s", (url) => {
    expect(targetOf(url)).toBe(url.slice(url.indexOf("/", "https://".length)));
  });

  test.each([
    ["https://r.example", "/"],
    ["https://r.example?x=1", "/?x=1"],
    [String.raw`https://r.example\v2/app`, "/v2/app"],
    [String.raw`https://r.example/v2\app?x=a\b&digest=sha256:aa`, String.raw`/v2/app?x=a\b&digest=sha256:aa`],
    ["https://r.example/a?b#c", "/a?b"],
    [String.raw`https://r.example/a?b\c#d\e`, String.raw`/a?b\c`],
    ["https://r.example/a b?c d", "/a%20b?c%20d"],
    ["https://r.example/a?b\r\nX: y\0\x7f", "/a?bX:%20y%00%7F"],
    ["https://r.example/é?é", "/%C3%A9?%C3%A9"],
  ])("writes %j as a request line can hold it", (url, target) => {
    expect(targetOf(url)).toBe(target);
  });

  test.each(["\r\nHost: evil", "\n", " HTTP/1.1", "\t", "\0", "\x7f", "\u{2028}"])(
    "lets %j out of no part of an address",
    (text) => {
      for (const url of [
        `https://r.example/a${text}b`,
        String.raw`https://r.example/a?b\c` + text,
        `https://r.example/a?b#${text}`,
      ]) {
        expect(targetOf(url)).toMatch(/^\/[\x21-\x7e]*$/);
      }
    },
  );
});
