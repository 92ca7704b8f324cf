import {
  assert,
  constant,
  constantFrom,
  domain,
  ipV4,
  ipV4Extended,
  ipV6,
  nat,
  oneof,
  property,
  stringMatching,
  tuple,
  webPath,
} from "fast-check";
import { describe, expect, test } from "vitest";
import { bareHost, hostOf, isLoopbackHost, originOf, portOf, shownUrl } from "./url.ts";

const anyHost = oneof(
  domain(),
  ipV4(),
  ipV4Extended(),
  ipV6().map((address) => `[${address}]`),
  stringMatching(/^[a-zA-Z0-9.x-]{1,12}$/),
  constantFrom(
    "localhost",
    "LOCALHOST",
    "xn--mnchen-3ya.example",
    "1.2.3",
    "0x7f.1",
    "127.0.0.256",
    "user@host",
    "a.0x1",
  ),
);
const anyPort = oneof(
  constant(""),
  nat(70_000).map((number) => `:${number}`),
  constantFrom(":080", ":", ":80@b"),
);
const anyRest = oneof(constant(""), constantFrom("/", "?a", "#b", "\\c", "/a/../b", "@d", "\t/", ".", ":1"), webPath());

function parsed(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function origin(url: string): string | undefined {
  try {
    return originOf(url);
  } catch {
    return undefined;
  }
}

describe("originOf", () => {
  test("agrees with the URL parser on whatever it is given", () => {
    const scheme = constantFrom("http://", "https://", "HTTP://", "https:/", " http://");
    const url = tuple(scheme, anyHost, anyPort, anyRest).map((parts) => parts.join(""));
    assert(
      property(url, (text) => origin(text) === parsed(text)),
      { numRuns: 5000 },
    );
  });

  test("leaves out a port that goes without saying, and a user", () => {
    expect(originOf("http://a.example:80/v2/")).toBe("http://a.example");
    expect(originOf("https://a.example:443")).toBe("https://a.example");
    expect(originOf("https://me:8443@b.example/x")).toBe("https://b.example");
  });
});

test("hostOf keeps a port that the scheme does not imply", () => {
  expect(hostOf(originOf("https://a.example:8443/v2/"))).toBe("a.example:8443");
  expect(hostOf(originOf("http://[::1]:5000/"))).toBe("[::1]:5000");
});

test("shownUrl leaves of long parts of a path their beginning where a registry has led us elsewhere", () => {
  const [registry, signature] = [originOf("https://r.example"), "hmac=0a1b2c3d4e5f60718293a4b5c6d7"];
  const shown = (url: string, ledBy?: typeof registry) => shownUrl({ url, ledBy });
  expect(shown(`https://cdn.example/x/${signature}/blobs/data?sig=1`, registry)).toBe(
    "https://cdn.example/x/hmac=0a1…/blobs/data",
  );
  expect(shown(`https://r.example/v2/${signature}`, registry)).toBe(`https://r.example/v2/${signature}`);
  expect(shown(`https://cdn.example/${signature}`)).toBe(`https://cdn.example/${signature}`);
});

test("portOf knows the port that a scheme implies", () => {
  const urls = ["http://a.example/", "https://a.example/", "https://a.example:5000/", "http://[::1]:8080/"];
  expect(urls.map((url) => portOf(new URL(url)))).toEqual([80, 443, 5000, 8080]);
});

test("bareHost takes the brackets off an IPv6 address and leaves all else", () => {
  expect(["[::1]", "a.example", "127.0.0.1"].map(bareHost)).toEqual(["::1", "a.example", "127.0.0.1"]);
});

test.each([
  ["localhost", true],
  ["127.0.0.1", true],
  ["127.1.2.3", true],
  ["[::1]", true],
  ["a.localhost", false],
  ["localhost.evil.test", false],
  ["127.0.0.1.evil.test", false],
  ["10.0.0.1", false],
])("isLoopbackHost says of %s: %s", (hostname, expected) => {
  expect(isLoopbackHost(hostname)).toBe(expected);
});
