import { mkdtemp, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { makeFolders } from "./folders.ts";

const isLinux = process.platform === "linux";

test("makeFolders makes what is missing, and says what that was", async () => {
  const root = await mkdtemp(join(tmpdir(), "folders-"));
  const [a, b, c] = [join(root, "a"), join(root, "a", "b"), join(root, "a", "b", "c")];

  expect(await makeFolders(b, 0o700)).toEqual([a, b]);
  expect(await makeFolders(c, 0o700)).toEqual([c]);
  expect(await makeFolders(c, 0o700)).toEqual([]);

  for (const path of [a, b, c]) expect((await stat(path)).mode & 0o777).toBe(0o700);
});

test("makeFolders takes a link to a folder for one", async () => {
  const root = await mkdtemp(join(tmpdir(), "folders-"));
  const link = join(root, "link");
  await symlink(root, link);

  expect(await makeFolders(link, 0o700)).toEqual([]);
});

test.each([
  ["EEXIST", "file"],
  ["ENOTDIR", "file/below"],
])("makeFolders fails with %s for %s", async (code, name) => {
  const root = await mkdtemp(join(tmpdir(), "folders-"));
  await writeFile(join(root, "file"), "");

  await expect(makeFolders(join(root, name), 0o700)).rejects.toMatchObject({ code });
});

test.runIf(isLinux).each(["/proc/none", "/proc/none/below"])("makeFolders comes to an end for %s", async (path) => {
  await expect(makeFolders(path, 0o700)).rejects.toMatchObject({ code: "ENOENT" });
});

test("makeFolders does not mind another process that makes the same", async () => {
  const root = await mkdtemp(join(tmpdir(), "folders-"));
  const path = join(root, "a", "b", "c");

  await Promise.all(Array.from({ length: 8 }, () => makeFolders(path, 0o700)));

  expect((await stat(path)).isDirectory()).toBe(true);
});
