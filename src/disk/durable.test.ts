import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ioCall, writeDurably } from "./durable.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-durable-"));
});
afterEach(() => rm(folder, { recursive: true }));

const write = () => writeDurably(join(folder, "file"), join(folder, "file.new"), Buffer.from("new"));

test("writeDurably puts a file in the place of another", async () => {
  await writeFile(join(folder, "file"), "old");
  await write();
  expect(await readFile(join(folder, "file"), "utf8")).toBe("new");
  expect(await readdir(folder)).toEqual(["file"]);
});

test("writeDurably leaves no temporary file where the name is taken by a folder", async () => {
  await mkdir(join(folder, "file"));
  await expect(write()).rejects.toMatchObject({ syscall: "rename" });
  expect(await readdir(folder)).toEqual(["file"]);
});

test("writeDurably leaves a file alone that bears the temporary name already", async () => {
  await writeFile(join(folder, "file.new"), "another's");
  await expect(write()).rejects.toMatchObject({ code: "EEXIST" });
  expect(await readFile(join(folder, "file.new"), "utf8")).toBe("another's");
});

test.each([
  ["ENOSPC", "disk_full", "the disk is full (ENOSPC)"],
  ["EDQUOT", "disk_full", "the disk quota is used up (EDQUOT)"],
  ["EROFS", "io_failed", "the file system is read-only (EROFS)"],
  ["EIO", "io_failed", "EIO"],
])("ioCall makes %s of a system call %s", async (errno, code, seen) => {
  const failure = Object.assign(new Error(errno), { code: errno, syscall: "write" });
  await expect(ioCall("keep it", () => Promise.reject(failure))).rejects.toMatchObject({
    code,
    message: `Cannot keep it: ${seen}`,
    cause: failure,
  });
});

test("ioCall leaves errors alone that are not the system's", async () => {
  const reason = new Error("enough");
  await expect(ioCall("keep it", () => Promise.reject(reason))).rejects.toBe(reason);
});
