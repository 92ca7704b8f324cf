import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { proxyFromEnv } from "./proxy.ts";

const proxy = "http://proxy.example:3128";

describe("proxyFromEnv", () => {
  test("chooses by scheme and falls back to ALL_PROXY", () => {
    const choose = proxyFromEnv({ HTTPS_PROXY: "http://secure:1", ALL_PROXY: "http://all:2" });
    expect(choose("https://r.example/v2/")).toBe("http://secure:1");
    expect(choose("http://r.example/v2/")).toBe("http://all:2");
  });

  test("prefers lower case and adds a scheme where there is none", () => {
    expect(proxyFromEnv({ https_proxy: "low:1", HTTPS_PROXY: "high:1" })("https://r.example/")).toBe("http://low:1");
  });

  test.each([
    ["HTTP_PROXY", { HTTP_PROXY: "http://u:canary@:x" }],
    ["http_proxy", { HTTP_PROXY: "proxy:1", http_proxy: "http://u:canary@:x" }],
    ["ALL_PROXY", { ALL_PROXY: "http://u:canary@:x", HTTPS_PROXY: "proxy:1" }],
  ])("names %s, and not what is in it, where that is no URL", (name, env) => {
    expect(() => proxyFromEnv(env)("http://reg.example/")).toThrow(
      expect.objectContaining({
        code: "invalid_config",
        message: `Cannot use the proxy in ${name}: it is not a URL`,
        context: { advice: `Write ${name}=http://HOST:PORT` },
      }),
    );
  });

  test("goes straight when nothing or an empty string is set", () => {
    expect(proxyFromEnv({})("https://r.example/")).toBeUndefined();
    expect(proxyFromEnv({ https_proxy: "" })("https://r.example/")).toBeUndefined();
  });

  test.each([
    "http://localhost:5000/",
    "http://a.localhost/",
    "http://127.0.0.1/",
    "http://[::1]:5000/",
    "http://2130706433/",
  ])("never sends loopback through a proxy: %s", (url) => {
    expect(proxyFromEnv({ HTTP_PROXY: proxy })(url)).toBeUndefined();
  });

  test.each([
    ["*", "https://r.example/", true],
    ["example", "https://r.example/", true],
    [".r.example", "https://r.example/", true],
    ["*.example", "https://r.example/", true],
    ["R.Example", "https://r.example/", true],
    ["xample", "https://r.example/", false],
    ["other, r.example", "https://r.example/", true],
    ["other r.example", "https://r.example/", true],
    ["r.example:443", "https://r.example/", true],
    ["r.example:5000", "https://r.example/", false],
    ["r.example:5000", "https://r.example:5000/", true],
    ["10.0.0.0/8", "https://10.200.3.4/", true],
    ["10.0.0.0/8", "https://11.0.0.1/", false],
    ["10.0.0.0/8", "https://10.example/", false],
    ["10.0.0.0/8", "https://[::ffff:10.0.0.1]/", true],
    ["fd00::/8", "https://[fd12::1]/", true],
    ["192.168.1.7", "https://192.168.1.7/", true],
    ["[fd12::1]:5000", "https://[fd12::1]:5000/", true],
    ["[fd12::1]:5001", "https://[fd12::1]:5000/", false],
    ["fd12::1", "https://[fd12:0::1]/", true],
    ["r.example", "https://r.example./", true],
    ["r.example.", "https://r.example/", true],
    ["r.example.:443", "https://r.example./", true],
    [".example.", "https://r.example/", true],
    ["*.", "https://r.example/", false],
  ])("with NO_PROXY=%s a request to %s goes straight: %s", (noProxy, url, straight) => {
    const chosen = proxyFromEnv({ HTTPS_PROXY: proxy, NO_PROXY: noProxy })(url);
    expect(chosen).toBe(straight ? undefined : proxy);
  });

  test("never throws for any NO_PROXY", () => {
    fc.assert(
      fc.property(
        fc.string(),
        (noProxy) => void proxyFromEnv({ HTTPS_PROXY: proxy, NO_PROXY: noProxy })("https://r.example/"),
      ),
    );
  });
});
