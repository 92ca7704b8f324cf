import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Journal } from "./journal.ts";

let folder = "";
let path = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-journal-"));
  path = join(folder, "log");
});
afterEach(() => rm(folder, { recursive: true }));

async function entries(): Promise<unknown[]> {
  const seen: unknown[] = [];
  await using _ = await Journal.open(path, (entry) => seen.push(entry));
  return seen;
}

async function filled(count: number): Promise<void> {
  await using journal = await Journal.open(path, () => undefined);
  for (let at = 0; at < count; at++) await journal.append({ at }, () => undefined);
}

test("a journal gives back what was appended, in order", async () => {
  await filled(3);
  await filled(0);
  expect(await entries()).toEqual([{ at: 0 }, { at: 1 }, { at: 2 }]);
});

test("a journal applies entries that share a write in their order, before any of them resolves", async () => {
  const order: string[] = [];
  await using journal = await Journal.open(path, () => undefined);
  const all = ["a", "b", "c"].map((name) =>
    journal.append(name, () => order.push(name)).then(() => order.push(`${name} done`)),
  );
  await Promise.all(all);
  expect(order.slice(-2)).toEqual(["b done", "c done"]);
  expect(order.filter((one) => one.length === 1)).toEqual(["a", "b", "c"]);
  expect(await entries()).toEqual(["a", "b", "c"]);
});

test("a journal that a crash cut anywhere gives back a beginning of its entries, and goes on after it", async () => {
  await filled(3);
  const whole = await readFile(path);
  for (let length = whole.byteLength; length >= 0; length--) {
    await writeFile(path, whole);
    await truncate(path, length);
    const before = await entries();
    expect(before).toEqual([{ at: 0 }, { at: 1 }, { at: 2 }].slice(0, before.length));
    await filled(1);
    expect(await entries()).toEqual([...before, { at: 0 }]);
  }
});

test("a journal with a damaged entry gives what came before and keeps the rest beside it", async () => {
  await filled(3);
  const whole = await readFile(path);
  const damaged = Buffer.from(whole);
  damaged[whole.indexOf('{"at":1}') + 2]! ^= 1;
  await writeFile(path, damaged);
  expect(await entries()).toEqual([{ at: 0 }]);
  expect((await readFile(`${path}.damaged`)).toString()).toContain('{"at":2}');
});

test("a journal gives back entries that are longer than a block, however they lie in the file", async () => {
  const long = [0, 1, 2, 256, 700].map((more) => "é".repeat(256 * 1024 + more));
  await Journal.rewrite(path, [...long, { at: 1 }]);
  const { size } = await stat(path);
  expect(await entries()).toEqual([...long, { at: 1 }]);

  await truncate(path, size - 10);

  expect(await entries()).toEqual(long);
  expect((await stat(path)).size + (await stat(`${path}.damaged`)).size).toBe(size - 10);
});

test("a file that is no journal is refused and left alone", async () => {
  for (const text of ["something else\nmore\n", "ways", "waybill-journal 2\n", "waybill-journal 1 "]) {
    await writeFile(path, text);
    await expect(entries()).rejects.toMatchObject({ code: "io_failed" });
    expect((await readFile(path)).toString()).toBe(text);
  }
});

test.skipIf(process.platform === "win32")(
  "a FIFO in a journal's place is refused, and nobody waits for its writer",
  async () => {
    execFileSync("mkfifo", [path]);
    const refused = { code: "io_failed", message: `Cannot read "${path}": it is not a regular file` };
    await expect(Journal.read(path, () => undefined)).rejects.toMatchObject(refused);
    await expect(entries()).rejects.toMatchObject(refused);
  },
);

test("an entry that cannot be written is not applied, and those before it stay", async () => {
  await filled(1);
  const journal = await Journal.open(path, () => undefined);
  await journal[Symbol.asyncDispose]();
  let applied = false;
  const late = journal.append({ at: 9 }, () => {
    applied = true;
  });
  await expect(late).rejects.toMatchObject({ code: "io_failed" });
  expect(applied).toBe(false);
  expect(await entries()).toEqual([{ at: 0 }]);
});

test("rewrite is not hindered by what one that was cut short has left", async () => {
  await filled(2);
  await writeFile(`${path}.new`, "half");
  await Journal.rewrite(path, ["whole"]);
  expect(await entries()).toEqual(["whole"]);
});

test("rewrite replaces all entries", async () => {
  await filled(5);
  await Journal.rewrite(path, ["only"]);
  expect(await entries()).toEqual(["only"]);
});
