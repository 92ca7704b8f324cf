import { describe, expect, test } from "vitest";
import { decodeDsse, isInTotoDsse } from "./inspect-attestations.ts";

test("isInTotoDsse knows envelopes by their type", () => {
  expect(isInTotoDsse("application/vnd.in-toto.spdx+dsse")).toBe(true);
  expect(isInTotoDsse("application/vnd.in-toto.provenance+dsse")).toBe(true);
  expect(isInTotoDsse("application/vnd.in-toto+json")).toBe(false);
  expect(isInTotoDsse("application/vnd.in-toto+dsse")).toBe(false);
});

describe("decodeDsse", () => {
  const type = "application/vnd.in-toto.spdx+dsse";
  const decode = (text: string) => Buffer.from(decodeDsse(Buffer.from(text), type)).toString();

  test("gives the payload of an envelope, and other content as it is", () => {
    expect(decode('{"payload":"eyJhIjoxfQ=="}')).toBe('{"a":1}');
    expect(decode('{"payload":"eyJh\\nIjoxfQ=="}')).toBe('{"a":1}');
    expect(decode("{}")).toBe("");
    const plain = Buffer.from("{}");
    expect(decodeDsse(plain, "application/vnd.in-toto+json")).toBe(plain);
  });

  test("refuses what is no envelope", () => {
    for (const text of ["", "[]", "not json", '{"payload":"!!!!"}', '{"payload":"abc"}', '{"payload":1}']) {
      expect(() => decode(text)).toThrow(expect.objectContaining({ code: "invalid_manifest" }));
    }
  });
});
