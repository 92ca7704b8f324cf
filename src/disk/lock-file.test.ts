import { execFileSync } from "node:child_process";
import * as promises from "node:fs/promises";
import { mkdtemp, readFile, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tryLockFile, type LockFiles, type SeenLock } from "./lock-file.ts";

let folder = "";
let path = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rm(folder, { recursive: true }));

const isStale = ({ text }: SeenLock) => text !== "A" && text !== "B";
const lockAs = (name: string, files: LockFiles = promises) => tryLockFile(path, { name, isStale, files });
const holder = () => readFile(path, "utf8");

/** Files that let `meanwhile` happen once, just before or after the first such call. */
function interrupted(call: "rename" | "open", when: "before" | "after", meanwhile: () => Promise<unknown>): LockFiles {
  let isDone = false;
  const once = async () => {
    if (isDone) return;
    isDone = true;
    await meanwhile();
  };
  const wrap = <A extends readonly unknown[], R>(work: (...args: A) => Promise<R>) =>
    async function interruptedCall(...args: A): Promise<R> {
      if (when === "before") await once();
      const result = await work(...args);
      if (when === "after") await once();
      return result;
    };
  return { ...promises, [call]: wrap(promises[call] as (...args: unknown[]) => Promise<unknown>) };
}

describe("tryLockFile", () => {
  test("tryLockFile has the lock until it is disposed of", async () => {
    const mine = await lockAs("A");
    expect(await holder()).toBe("A");
    expect(await lockAs("B")).toBeUndefined();

    await mine?.[Symbol.asyncDispose]();
    await mine?.[Symbol.asyncDispose]();

    expect(await readdir(folder)).toEqual([]);
    expect(await lockAs("B")).toBeDefined();
  });

  test("tryLockFile takes over what a dead process left, and leaves nothing beside it", async () => {
    await writeFile(path, "dead");
    expect(await (await lockAs("A"))?.isHeld()).toBe(true);
    expect(await readdir(folder)).toEqual(["lock"]);
    expect(await holder()).toBe("A");
  });

  test("tryLockFile gives back the lock of one that took over between its look and its move", async () => {
    await writeFile(path, "dead");
    let other: Awaited<ReturnType<typeof lockAs>>;
    const files = interrupted("rename", "before", async () => (other = await lockAs("B")));

    expect(await lockAs("A", files)).toBeUndefined();

    expect(await other?.isHeld()).toBe(true);
    expect(await readdir(folder)).toEqual(["lock"]);
  });

  test("tryLockFile does not have a file that was taken over before its name was in it", async () => {
    let other: Awaited<ReturnType<typeof lockAs>>;
    const files = interrupted("open", "after", async () => (other = await lockAs("B")));

    expect(await lockAs("A", files)).toBeUndefined();

    expect(await other?.isHeld()).toBe(true);
  });

  test("tryLockFile does not take a new file without a name for the old one that it saw", async () => {
    await writeFile(path, "");
    await utimes(path, 1, 1);
    const files = interrupted("rename", "before", async () => {
      await rm(path);
      await writeFile(path, "");
    });

    expect(await lockAs("A", files)).toBeUndefined();

    expect(await holder()).toBe("");
  });

  test("tryLockFile lets in one of two, however they meet at what a dead process left", async () => {
    for (let round = 0; round < 100; round++) {
      await writeFile(path, "dead");
      const locks = await Promise.all([lockAs("A"), lockAs("B")]);
      const held = locks.filter((lock) => lock !== undefined);
      expect(held).toHaveLength(1);
      expect(await held[0]!.isHeld()).toBe(true);
      await held[0]![Symbol.asyncDispose]();
    }
    expect(await readdir(folder)).toEqual([]);
  });

  test("a lock that somebody took over is not theirs to lose when its first holder ends", async () => {
    const mine = await lockAs("A");
    await writeFile(path, "B");

    expect(await mine?.isHeld()).toBe(false);
    await mine?.[Symbol.asyncDispose]();

    expect(await holder()).toBe("B");
  });

  test.skipIf(process.platform === "win32")("tryLockFile leaves alone what is no lock file", async () => {
    execFileSync("mkfifo", [path]);
    expect(await lockAs("A")).toBeUndefined();
    await rm(path);
    await symlink(join(folder, "elsewhere"), path);
    expect(await lockAs("A")).toBeUndefined();
    expect(await readdir(folder)).toEqual(["lock"]);
  });
});
