import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { respond } from "../../test/support/responses.ts";
import { digestOf } from "../spec/digest.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
import { accessTo } from "./access.ts";
import { unknownRegistry } from "./quirks.ts";
import { heldBytes, placeFrom, withDigest } from "./upload-location.ts";

const base = "https://registry.example:5000";

function place(location: string | undefined, at = `${base}/v2/app/blobs/uploads/`) {
  const told: WaybillEvent[] = [];
  const send = () => Promise.reject(new Error("no request is sent here"));
  const report = (event: WaybillEvent) => void told.push(event);
  const registry = { send, clock: fakeClock(), random: () => 0, report, quirks: unknownRegistry() };
  const access = accessTo({ ...registry, host: "registry.example:5000", baseUrl: base }, "app");
  const headers: Record<string, string> = location === undefined ? {} : { location };
  return { found: placeFrom(access, respond({ method: "POST", url: at }, 202, { headers })), told };
}

describe("placeFrom", () => {
  test("placeFrom keeps every byte of a path and of an absolute URL", () => {
    for (const path of ["/v2/app/blobs/uploads/1?_state=a%20b~c%2fd==", "/x/../y?z", "/%7euser"]) {
      expect(place(path).found).toEqual({ url: base + path });
      expect(place(base + path).found).toEqual({ url: base + path });
    }
  });

  test("placeFrom resolves other relative forms against the answer's URL", () => {
    expect(place("1234").found).toEqual({ url: `${base}/v2/app/blobs/uploads/1234` });
    expect(place("?x=1").found).toEqual({ url: `${base}/v2/app/blobs/uploads/?x=1` });
  });

  test("placeFrom names the registry as who led to another host", () => {
    expect(place("https://store.example/u?sig=x").found).toEqual({ url: "https://store.example/u?sig=x", ledBy: base });
    expect(place("//store.example/u").found).toEqual({ url: "https://store.example/u", ledBy: base });
  });

  test("placeFrom goes back to TLS when the registry names itself with http, and says so once", () => {
    const { found, told } = place("http://registry.example/v2/app/blobs/uploads/1?_state=%7e");
    expect(found).toEqual({ url: `${base}/v2/app/blobs/uploads/1?_state=%7e` });
    expect(told).toHaveLength(1);
  });

  test("placeFrom leaves http where the registry is spoken to in http", () => {
    const at = "http://registry.example:5000/v2/app/blobs/uploads/";
    expect(place("/u", at).found).toEqual({ url: "http://registry.example:5000/u" });
  });

  test("placeFrom finds none without a Location", () => {
    expect(place(undefined).found).toBeUndefined();
    expect(place("").found).toBeUndefined();
  });

  test.each(["ftp://x/y", "javascript:alert(1)", "https://user:pw@registry.example/u", "http://[bad", "https://"])(
    "placeFrom refuses %s",
    (location) => {
      expect(() => place(location)).toThrow(expect.objectContaining({ code: "rejected" }));
    },
  );

  test("placeFrom answers a usable URL or a typed error, whatever the header", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl(), fc.webPath()), (location) => {
        try {
          const { found } = place(location);
          if (found) expect(new URL(found.url).protocol).toMatch(/^https?:$/);
        } catch (error) {
          expect(error).toMatchObject({ code: "rejected" });
        }
      }),
    );
  });
});

describe("withDigest", () => {
  const digest = digestOf(Buffer.from("x"));

  test("withDigest adds the digest behind everything else, byte for byte", () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), (url) => {
        const full = withDigest(url, digest);
        expect(full.startsWith(url)).toBe(true);
        expect(new URL(full).searchParams.getAll("digest").at(-1)).toBe(digest);
      }),
    );
  });

  test("withDigest begins a query, goes on with one, and repeats no &", () => {
    const tail = `digest=${encodeURIComponent(digest)}`;
    expect(withDigest("/u", digest)).toBe(`/u?${tail}`);
    expect(withDigest("/u?a=1", digest)).toBe(`/u?a=1&${tail}`);
    expect(withDigest("/u?a=1&", digest)).toBe(`/u?a=1&${tail}`);
  });
});

test.each([
  ["0-1023", 1024],
  ["bytes=0-1023", 1024],
  ["bytes 0-1023/*", 1024],
  ["0-0", 0],
  ["0--1", undefined],
  ["5-9", undefined],
  ["", undefined],
  [undefined, undefined],
])("heldBytes reads %j as %j", (range, expected) => {
  expect(heldBytes(range)).toBe(expected);
});

test("placeFrom names the registry as who led where a redirect had led to another host before", () => {
  const { found } = place("/u?x", "https://uploads.example/v2/app/blobs/uploads/");
  expect(found).toEqual({ url: "https://uploads.example/u?x", ledBy: base });
});
