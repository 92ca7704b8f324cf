import { resolve } from "node:path";
import { expect, test } from "vitest";
import { withAbsoluteLayout, withAbsoluteSource, withAbsoluteTag } from "./absolute-layout.ts";

const digest = `sha256:${"0".repeat(64)}`;
const here = (path: string) => `oci-layout://${resolve(path)}`;

test.each([
  ["oci-layout://out:1", `${here("out")}:1`],
  ["oci-layout://./a/../b", `${here("b")}:latest`],
  [`oci-layout://out@${digest}`, `${here("out")}@${digest}`],
  ["oci-layout:///srv/out:1", "oci-layout:///srv/out:1"],
  ["oci-layout://", "oci-layout://"],
  ["docker.io/acme/app:1", "docker.io/acme/app:1"],
  [digest, digest],
  ['{"digest":"oci-layout://out"}', '{"digest":"oci-layout://out"}'],
])("withAbsoluteLayout makes %j into %j", (text, wanted) => {
  expect(withAbsoluteLayout(text)).toBe(wanted);
});

test("withAbsoluteTag leaves what is expected of the tag", () => {
  expect(withAbsoluteTag(`oci-layout://out:1=${digest}`)).toBe(`${here("out")}:1=${digest}`);
  expect(withAbsoluteTag("no expectation")).toBe("no expectation");
});

test("withAbsoluteSource writes a reference anew, and nothing else", () => {
  expect(Buffer.from(withAbsoluteSource(Buffer.from("oci-layout://out:1\n"))).toString()).toBe(`${here("out")}:1`);
  const descriptor = Buffer.from(`{"digest":"${digest}"}\n`);
  expect(withAbsoluteSource(descriptor)).toBe(descriptor);
});
