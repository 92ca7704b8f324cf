import { describe, expect, test } from "vitest";
import { nothing } from "./body.ts";
import { headersFrom } from "./headers.ts";
import { followRedirects } from "./redirect.ts";
import type { HttpRequest, Send } from "./send.ts";
import { Secret } from "./send.ts";
import { originOf } from "./url.ts";

const start = "https://r.example/v2/app/blobs/x";
const authorization = { origin: originOf(start), value: new Secret("Bearer canary") };

/** Follows a chain of locations; each URL answers with its entry, or 200. */
async function follow(locations: Record<string, string | [number, string]>, more: Partial<HttpRequest> = {}) {
  const seen: HttpRequest[] = [];
  const send: Send = async (request) => {
    seen.push(request);
    const entry = locations[request.url];
    const [status, location] = typeof entry === "string" ? [307, entry] : (entry ?? [200, undefined]);
    const headers = headersFrom({ location });
    return { status, headers, url: request.url, body: nothing, [Symbol.asyncDispose]: async () => undefined };
  };
  const response = await followRedirects()(send)({ method: "GET", url: start, authorization, ...more });
  return { response, seen, urls: seen.map(({ url }) => url) };
}

describe("followRedirects", () => {
  test("keeps the credential on the same origin and drops it on any other, with the origin that led there", async () => {
    const { seen } = await follow({
      [start]: "/elsewhere?a=%20~",
      "https://r.example/elsewhere?a=%20~": "https://cdn.example/blob?X-Amz=1%2F",
      "https://cdn.example/blob?X-Amz=1%2F": "https://r.example:444/back",
    });
    expect(seen.map(({ authorization: credential, ledBy, url }) => [url, credential !== undefined, ledBy])).toEqual([
      [start, true, undefined],
      ["https://r.example/elsewhere?a=%20~", true, undefined],
      ["https://cdn.example/blob?X-Amz=1%2F", false, "https://r.example"],
      ["https://r.example:444/back", false, "https://cdn.example"],
    ]);
  });

  test("never gives a credential back when a redirect returns to its origin", async () => {
    const { seen } = await follow({
      [start]: "https://evil.example/",
      "https://evil.example/": "https://r.example/other",
    });
    expect(seen.map((request) => request.authorization !== undefined)).toEqual([true, false, false]);
  });

  test("upgrades plain http on the same host to the origin we came from", async () => {
    const { urls } = await follow({ [start]: "http://r.example:80/v2/next?q=%7E" });
    expect(urls[1]).toBe("https://r.example/v2/next?q=%7E");
  });

  test("refuses to step down to plain http on another host", async () => {
    await expect(follow({ [start]: "http://other.example/" })).rejects.toMatchObject({ code: "rejected" });
  });

  test("refuses circles, more than five hops, and what is not an HTTP address", async () => {
    await expect(follow({ [start]: start })).rejects.toMatchObject({
      code: "rejected",
      message: expect.stringContaining("circle"),
    });
    const chain = Object.fromEntries(
      [start, ...[1, 2, 3, 4, 5, 6].map((hop) => `https://r.example/${hop}`)].map((from, at) => [from, `/${at + 1}`]),
    );
    await expect(follow(chain)).rejects.toMatchObject({
      code: "rejected",
      message: expect.stringContaining("5 times"),
    });
    for (const location of ["ftp://r.example/", "javascript:1", "http://[::bad", "file:///etc/passwd"]) {
      await expect(follow({ [start]: location })).rejects.toMatchObject({ code: "rejected" });
    }
  });

  test("follows five hops", async () => {
    const chain = Object.fromEntries(
      [start, ...[1, 2, 3, 4].map((hop) => `https://r.example/${hop}`)].map((from, at) => [from, `/${at + 1}`]),
    );
    expect((await follow(chain)).response).toMatchObject({ status: 200, url: "https://r.example/5" });
  });

  test.each([301, 302, 303])("follows %i when reading, and gives it back when writing", async (status) => {
    expect((await follow({ [start]: [status, "/n"] })).urls).toHaveLength(2);
    expect((await follow({ [start]: [status, "/n"] }, { method: "PUT" })).response.status).toBe(status);
  });

  test.each([307, 308])("follows %i with method and body kept when writing", async (status) => {
    const body = new Uint8Array(3);
    const { seen } = await follow({ [start]: [status, "/n"] }, { method: "PUT", body });
    expect(seen[1]).toMatchObject({ method: "PUT", body });
  });

  test("gives other answers back as they are", async () => {
    expect((await follow({ [start]: [201, "/somewhere"] })).response.status).toBe(201);
    expect((await follow({ [start]: [304, "/somewhere"] })).response.status).toBe(304);
  });
});
