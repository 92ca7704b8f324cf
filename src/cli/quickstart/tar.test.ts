import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { tarOf } from "./tar.ts";

const files = [
  { path: "opt/hello.txt", content: Buffer.from("hello\n") },
  { path: `opt/${"deep/".repeat(20)}run`, content: Buffer.alloc(512, 1), executable: true },
  { path: "empty", content: Buffer.alloc(0) },
];

test("tarOf writes what tar reads", () => {
  const listed = execFileSync("tar", ["-tvf", "-", "--numeric-owner"], { input: tarOf(files), encoding: "utf8" })
    .trim()
    .split("\n");

  expect(listed).toHaveLength(3);
  expect(listed[0]).toMatch(/^-rw-r--r-- 0\/0 +6 1970-01-01 .* opt\/hello\.txt$/);
  expect(listed[1]).toMatch(/^-rwxr-xr-x 0\/0 +512 1970-01-01 .* opt\/(?:deep\/){20}run$/);
  expect(execFileSync("tar", ["-xOf", "-", "opt/hello.txt"], { input: tarOf(files), encoding: "utf8" })).toBe(
    "hello\n",
  );
});

test("tarOf refuses a name that the format cannot hold", () => {
  expect(() => tarOf([{ path: "x".repeat(101), content: Buffer.alloc(0) }])).toThrow(RangeError);
});
