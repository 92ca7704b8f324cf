import * as fc from "fast-check";
import { expect, test } from "vitest";
import { imageType } from "../image/inspect-types.ts";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import { formatTime, parseTime } from "./time.ts";

const read = (json: unknown) => encode(decode(imageType, json, "image config"));

test("decode drops unknown members, takes names in any case and null for nothing", () => {
  const json = { OS: "linux", architecture: null, onbuild: 1, config: { env: ["A=b"], Labels: null } };
  expect(JSON.parse(read(json))).toEqual({
    architecture: "",
    os: "linux",
    config: { Env: ["A=b"] },
    rootfs: { type: "", diff_ids: null },
  });
});

test("decode names the member that has the wrong type, and not its value", () => {
  const message = 'Cannot read image config: "config.Env.0" has the wrong type';
  expect(() => read({ config: { Env: [1] } })).toThrow(expect.objectContaining({ code: "invalid_manifest", message }));
  expect(() => read({ created: "yesterday" })).toThrow(expect.objectContaining({ code: "invalid_manifest" }));
});

test("decode reads any JSON or throws invalid_manifest", () => {
  const member = fc.constantFrom(
    "created",
    "os",
    "config",
    "Env",
    "rootfs",
    "diff_ids",
    "history",
    "__proto__",
    "Labels",
  );
  const json = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<unknown>(null, 1, "x", true, "2024-01-01T00:00:00Z"),
      fc.array(tie("node"), { maxLength: 3 }),
      fc
        .array(fc.tuple(member, tie("node")), { maxLength: 4 })
        .map(
          (entries) =>
            JSON.parse(
              `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`,
            ) as unknown,
        ),
    ),
  })).node;
  fc.assert(
    fc.property(json, (input) => {
      try {
        JSON.parse(read(input));
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid_manifest" });
      }
    }),
  );
});

test("formatTime writes a time in Go's layouts", () => {
  const time = parseTime("2024-05-01T14:05:09.120+02:00")!;
  expect(formatTime(time, "Mon Jan _2 15:04:05.000 2006 -0700")).toBe("Wed May  1 14:05:09.120 2024 +0200");
  expect(formatTime(time, "02/01/06 03:04PM .999 Z07:00")).toBe("01/05/24 02:05PM .12 +02:00");
});
