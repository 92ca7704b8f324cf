import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockFolder } from "./lock.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-lock-"));
});
afterEach(() => rm(folder, { recursive: true }));

const owner = (name: string) => ({ name, isRunning: (other: string) => ["A", "B"].includes(other) });
const holder = () => readFile(join(folder, "lock"), "utf8");

test("lockFolder gives a folder to one of two that find a dead owner's lock", async () => {
  for (let round = 0; round < 100; round++) {
    await writeFile(join(folder, "lock"), "dead 1");
    const unlocks = await Promise.all([lockFolder(folder, owner("A")), lockFolder(folder, owner("B"))]);
    const given = unlocks.filter((unlock) => unlock !== undefined);
    expect(given).toHaveLength(1);
    await given[0]!();
  }
});

test.each(["", "dead 1", "A"])("lockFolder takes over a lock that names %j for A", async (left) => {
  await writeFile(join(folder, "lock"), left);
  expect(await lockFolder(folder, owner("A"))).toBeDefined();
  expect(await holder()).toBe("A");
});

test("lockFolder leaves the lock of a running process, and unlocking leaves another's", async () => {
  const unlock = await lockFolder(folder, owner("A"));
  expect(await lockFolder(folder, owner("B"))).toBeUndefined();

  await writeFile(join(folder, "lock"), "B");
  await unlock!();

  expect(await holder()).toBe("B");
});

test("lockFolder gives a folder once to one owner, and again when that has unlocked it", async () => {
  const both = await Promise.all([lockFolder(folder, owner("A")), lockFolder(folder, owner("A"))]);
  const [unlock, ...others] = both.filter((given) => given !== undefined);
  expect(others).toEqual([]);
  expect(await lockFolder(folder, owner("A"))).toBeUndefined();

  await unlock!();

  expect(await lockFolder(folder, owner("A"))).toBeDefined();
});

test("lockFolder gives a folder once, also where it is reached by a link", async () => {
  const link = join(folder, "link");
  await symlink(folder, link);
  const unlock = await lockFolder(folder, owner("A"));

  expect(await lockFolder(link, owner("A"))).toBeUndefined();

  await unlock!();
  expect(await lockFolder(link, owner("A"))).toBeDefined();
});
