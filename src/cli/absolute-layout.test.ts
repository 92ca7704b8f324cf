import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
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

test.skipIf(process.platform === "win32")("withAbsoluteLayout says that the working directory was deleted", () => {
  const began = process.cwd();
  const gone = mkdtempSync(join(tmpdir(), "waybill-gone-"));
  process.chdir(gone);
  try {
    rmdirSync(gone);
    expect(() => withAbsoluteLayout("oci-layout://out:1")).toThrow(
      'Cannot find layout "out": the working directory is not there any more',
    );
    expect(withAbsoluteLayout("oci-layout:///srv/out:1")).toBe("oci-layout:///srv/out:1");
  } finally {
    process.chdir(began);
  }
});
