import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AddressClass } from "./address.ts";
import { assertAddressAllowed, classOfAddress } from "./address.ts";
import { originOf } from "./url.ts";

describe("classOfAddress", () => {
  test.each([
    ["8.8.8.8", "public"],
    ["2001:4860:4860::8888", "public"],
    ["10.1.2.3", "private"],
    ["172.16.0.1", "private"],
    ["192.168.1.1", "private"],
    ["100.64.0.1", "private"],
    ["fd12:3456::1", "private"],
    ["127.0.0.1", "loopback"],
    ["127.9.9.9", "loopback"],
    ["::1", "loopback"],
    ["[::1]", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["::ffff:10.0.0.1", "private"],
    ["64:ff9b::a9fe:a9fe", "forbidden"],
    ["2002:a9fe:a9fe::1", "forbidden"],
    ["::127.0.0.1", "loopback"],
    ["169.254.169.254", "forbidden"],
    ["::ffff:169.254.169.254", "forbidden"],
    ["fe80::1", "forbidden"],
    ["fe80::1%eth0", "forbidden"],
    ["fd00:ec2::254", "forbidden"],
    ["fd00:0ec2:0::254", "forbidden"],
    ["0.0.0.0", "forbidden"],
    ["0.1.2.3", "forbidden"],
    ["::", "forbidden"],
    ["255.255.255.255", "forbidden"],
  ])("gives %s the class %s", (address, expected) => {
    expect(classOfAddress(address)).toBe(expected);
  });

  test.each(["http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://[::ffff:127.0.0.1]/"])(
    "sees loopback behind %s as the URL parser writes it",
    (url) => {
      expect(classOfAddress(new URL(url).hostname)).toBe("loopback");
    },
  );

  test("gives nothing for names and never throws for any text", () => {
    expect(classOfAddress("registry.example")).toBeUndefined();
    fc.assert(fc.property(fc.string(), (text) => void classOfAddress(text)));
  });

  test("gives an IPv4 address and its mapped form the same class", () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(classOfAddress(`::ffff:${text}`)).toBe(classOfAddress(text));
      }),
    );
  });
});

describe("assertAddressAllowed", () => {
  const origin = originOf("https://registry.example");
  const check = (address: AddressClass, reachedOn: AddressClass | undefined, allowPrivate: string[] = []) => {
    const leader = reachedOn === undefined ? { origin } : { origin, reachedOn };
    try {
      assertAddressAllowed("inner.example:9000", address, leader, { allowPrivate });
      return "allowed";
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test.each<[AddressClass, AddressClass | undefined, string]>([
    ["public", "public", "allowed"],
    ["public", undefined, "allowed"],
    ["private", "public", "address_forbidden"],
    ["private", undefined, "address_forbidden"],
    ["private", "private", "allowed"],
    ["private", "loopback", "allowed"],
    ["loopback", "private", "address_forbidden"],
    ["loopback", "public", "address_forbidden"],
    ["loopback", "loopback", "allowed"],
    ["forbidden", "loopback", "address_forbidden"],
    ["forbidden", "private", "address_forbidden"],
  ])("answers for a %s address led to from a %s one: %s", (address, reachedOn, expected) => {
    expect(check(address, reachedOn)).toBe(expected);
  });

  test("opens private and loopback, never link-local, for hosts that the user names", () => {
    for (const named of ["inner.example", "inner.example:9000", "INNER.example"]) {
      expect(check("private", "public", [named])).toBe("allowed");
      expect(check("loopback", "public", [named])).toBe("allowed");
      expect(check("forbidden", "public", [named])).toBe("address_forbidden");
    }
    expect(check("private", "public", ["other.example", "inner.example:9001"])).toBe("address_forbidden");
  });

  test("names the flag that opens it", () => {
    expect(() => assertAddressAllowed("10.0.0.5", "private", { origin }, { allowPrivate: [] })).toThrowError(
      expect.objectContaining({
        context: expect.objectContaining({ advice: expect.stringContaining("--allow-private 10.0.0.5") }),
      }),
    );
  });
});
