import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { runInProcess } from "../../test/support/in-process.ts";
import { readWhole } from "./read-whole.ts";

test.runIf(existsSync("/dev/zero")).each([
  [["create", "--dry-run", "-t", "127.0.0.1:1/app:1", "-f"], 'source file "/dev/zero"', 33_554_432],
  [["resume"], 'report "/dev/zero"', 67_108_864],
  [["registry", "serve", "--listen", "127.0.0.1:0", "--htpasswd"], '"/dev/zero"', 33_554_432],
])("%j takes no more of a file than such a file may have", async (args, what, maxBytes) => {
  const { code, stderr } = await runInProcess([...args, "/dev/zero"]);

  expect([code, stderr]).toEqual([1, `ERROR: Cannot read ${what}: it is longer than ${maxBytes} bytes\n`]);
});

test("readWhole has all of an input that comes as text, in which a letter may be several bytes", async () => {
  async function* typed() {
    yield "ä";
    yield "€";
  }
  expect((await readWhole(typed(), "input")).toString()).toBe("ä€");
  await expect(readWhole(typed(), "input", { maxBytes: 4 })).rejects.toMatchObject({
    code: "io_failed",
    message: "Cannot read input: it is longer than 4 bytes",
  });
});
