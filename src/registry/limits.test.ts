import { describe, expect, test } from "vitest";
import type { Origin } from "../http/send.ts";
import { endpoints } from "./endpoint.ts";
import { registryLimits, type RegistryLimit } from "./limits.ts";

const limitsOf = (...limits: RegistryLimit[]) => registryLimits(limits, endpoints());

describe("registryLimits", () => {
  test("finds a registry by the origin of its API, whatever users call it", () => {
    const limits = limitsOf(
      { registry: "index.docker.io", requestsPerSecond: 1 },
      { registry: "localhost:5000", concurrency: 2 },
      { registry: "Harbor.example:443", concurrency: 3 },
    );
    expect(limits.limitOf("https://registry-1.docker.io" as Origin)).toMatchObject({ requestsPerSecond: 1 });
    expect(limits.limitOf("http://localhost:5000" as Origin)).toMatchObject({ concurrency: 2 });
    expect(limits.limitOf("https://localhost:5000" as Origin)).toMatchObject({ concurrency: 2 });
    expect(limits.limitOf("https://harbor.example" as Origin)).toMatchObject({ concurrency: 3 });
    expect(limits.limitOf("https://auth.docker.io" as Origin)).toBeUndefined();
  });

  test("finds a bandwidth by the registry's name", () => {
    const limits = limitsOf({ registry: "docker.io", bytesPerSecond: 1e6 }, { registry: "a.example", concurrency: 1 });
    expect([limits.bytesPerSecond("docker.io"), limits.bytesPerSecond("a.example")]).toEqual([1e6, undefined]);
    expect([limits.hasBandwidth, limitsOf({ registry: "a.example", concurrency: 1 }).hasBandwidth]).toEqual([
      true,
      false,
    ]);
  });

  test("says how slow a blob may be that shares the narrowest bandwidth with others", () => {
    const wide = { registry: "a.example", bytesPerSecond: 1024 * 1024 };
    expect(limitsOf(wide, { registry: "b.example", bytesPerSecond: 128 * 1024 }).leastBlobRate).toBe(1024);
    expect(limitsOf({ registry: "a.example", concurrency: 1 }).leastBlobRate).toBeUndefined();
  });

  test.each([
    [[{ registry: "https://a" }], "the registry is not host[:port]"],
    [[{ registry: "a:99999" }], "the registry is not host[:port]"],
    [[{ registry: "docker.io" }, { registry: "index.docker.io" }], '"docker.io" has a limit already'],
    [[{ registry: "a", concurrency: 0 }], "whole numbers above 0"],
    [[{ registry: "a", requestsPerSecond: 1.5 }], "whole numbers above 0"],
    [[{ registry: "a", bytesPerSecond: 20 }], "below 64 KiB/s"],
    [[{ registry: "a", bytesPerSecond: Number.NaN }], "below 64 KiB/s"],
  ])("refuses %j", (limits, why) => {
    expect(() => limitsOf(...limits)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    expect(() => limitsOf(...limits)).toThrow(why);
  });
});
