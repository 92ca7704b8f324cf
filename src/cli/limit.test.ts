import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WaybillError } from "../errors.ts";
import { parseLimit } from "./limit.ts";

describe("parseLimit", () => {
  test("reads all parts, in any order, and hosts as users write them", () => {
    expect(parseLimit("registry=docker.io,concurrency=8,rps=10,bandwidth=20MiB")).toEqual({
      registry: "docker.io",
      concurrency: 8,
      requestsPerSecond: 10,
      bytesPerSecond: 20 * 1024 * 1024,
    });
    expect(parseLimit("rps=1,registry=index.docker.io")).toEqual({ registry: "docker.io", requestsPerSecond: 1 });
    expect(parseLimit("registry=[::1]:5000,bandwidth=64KiB")).toEqual({
      registry: "[::1]:5000",
      bytesPerSecond: 65_536,
    });
  });

  test.each([
    ["docker.io", 'there is no part "docker.io"'],
    ["rps=10", "registry is a host, such as docker.io or registry.corp.example:5000"],
    ["registry=https://docker.io,rps=1", "registry is a host, such as docker.io or registry.corp.example:5000"],
    ["registry=docker.io", "nothing is limited"],
    ["registry=docker.io,rsp=10", 'there is no part "rsp=10"'],
    ["registry=docker.io,rps=10,rps=20", "rps is there twice"],
    ["registry=docker.io,rps=0", "rps is a whole number above 0"],
    ["registry=docker.io,rps=1.5", "rps is a whole number above 0"],
    ["registry=docker.io,concurrency=many", "concurrency is a whole number above 0"],
    ["registry=docker.io,bandwidth=20", "bandwidth is a size for each second, at least 64KiB"],
    ["registry=docker.io,bandwidth=fast", "bandwidth is a size for each second, at least 64KiB"],
  ])("refuses %j, shows the form and says what is wrong", (value, why) => {
    const form = "registry=HOST,concurrency=8,rps=10,bandwidth=20MiB";
    expect(() => parseLimit(value)).toThrow(
      new WaybillError("invalid_argument", `invalid argument "${value}" for "--limit" flag: expected ${form}: ${why}`),
    );
  });

  test("gives a limit or a WaybillError for any text", () => {
    const part = fc.oneof(fc.string(), fc.constantFrom("registry=a.b", "rps=1", "concurrency=2", "bandwidth=1GB"));
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        try {
          expect(parseLimit(parts.join(",")).registry).not.toBe("");
        } catch (error) {
          expect(error).toBeInstanceOf(WaybillError);
        }
      }),
    );
  });
});
