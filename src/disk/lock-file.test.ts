import { execFileSync } from "node:child_process";
import * as promises from "node:fs/promises";
import { mkdtemp, readFile, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as fc from "fast-check";
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
function interrupted(call: "link" | "open", when: "before" | "after", meanwhile: () => Promise<unknown>): LockFiles {
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

/** Runs all of `work` by turns, each up to its next call to the file system: `pick` says whose turn it is, of so many. */
async function inTurns<T>(
  work: readonly ((files: LockFiles) => Promise<T>)[],
  pick: (count: number) => number,
): Promise<readonly T[]> {
  const waiting: (() => void)[] = [];
  const running = new Set(work);
  let wake: () => void = () => undefined;
  const gated = <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
    async function inTurn(...args: A): Promise<R> {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        wake();
      });
      return call(...args);
    };
  const { open: openFile, unlink, link, rename } = promises;
  const files = {
    ...promises,
    open: gated(openFile as (...args: unknown[]) => Promise<unknown>) as typeof openFile,
    unlink: gated(unlink),
    link: gated(link),
    rename: gated(rename),
  };
  const results = work.map(async (run) => {
    try {
      return await run(files);
    } finally {
      running.delete(run);
      wake();
    }
  });
  while (running.size > 0) {
    if (waiting.length < running.size) await new Promise<void>((resolve) => (wake = resolve));
    else waiting.splice(pick(waiting.length), 1)[0]?.();
  }
  return Promise.all(results);
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

  test("tryLockFile leaves the lock of one that took over between its two looks", async () => {
    await writeFile(path, "dead");
    let other: Awaited<ReturnType<typeof lockAs>>;
    const files = interrupted("link", "before", async () => (other = await lockAs("B")));

    expect(await lockAs("A", files)).toBeUndefined();

    expect(await other?.isHeld()).toBe(true);
    expect(await readdir(folder)).toEqual(["lock"]);
  });

  test("tryLockFile takes over also where one that was taking over has died", async () => {
    await writeFile(path, "dead");
    await writeFile(`${path}.stale`, "dead too");
    expect(await (await lockAs("A"))?.isHeld()).toBe(true);
    expect(await readdir(folder)).toEqual(["lock"]);
  });

  test("tryLockFile has the lock also where the file system knows no links", async () => {
    const files = { ...promises, link: () => Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" })) };
    await writeFile(path, "dead");
    expect(await (await lockAs("A", files))?.isHeld()).toBe(true);
    expect(await lockAs("B", files)).toBeUndefined();
    expect(await readdir(folder)).toEqual(["lock"]);
  });

  test("tryLockFile lets in at most one of three, in whatever order they do their steps", async () => {
    const names = ["A", "B", "C"];
    const isLeft = ({ text }: SeenLock) => !names.includes(text);
    const seeds = fc.array(fc.nat(999), { minLength: 80, maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(seeds, async (draws) => {
        await writeFile(path, "dead");
        let turn = 0;
        const pick = (count: number) => (draws[turn++ % draws.length] ?? 0) % count;
        const work = names.map((name) => (files: LockFiles) => tryLockFile(path, { name, isStale: isLeft, files }));
        const locks = (await inTurns(work, pick)).filter((lock) => lock !== undefined);
        expect(locks.length).toBeLessThanOrEqual(1);
        for (const name of await readdir(folder)) await rm(join(folder, name));
      }),
      { numRuns: 300, seed: 1 },
    );
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
    const files = interrupted("link", "before", async () => {
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
