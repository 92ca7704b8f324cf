import { mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runInProcess } from "../../test/support/in-process.ts";
import { requireReplaceable } from "./replaceable.ts";

let folder: string;
let link: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "waybill-"));
  link = join(folder, "link");
  symlinkSync("file", link);
  writeFileSync(join(folder, "file"), "theirs");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("requireReplaceable", () => {
  test("takes a file, and a name that nothing has", async () => {
    await requireReplaceable("report", join(folder, "file"));
    await requireReplaceable("report", join(folder, "none"));
  });

  test("refuses a folder and a link", async () => {
    await expect(requireReplaceable("report", folder)).rejects.toThrow(
      `Cannot write report "${folder}": it is a folder`,
    );
    await expect(requireReplaceable("report", link)).rejects.toThrow("it is a symbolic link");
  });

  test.skipIf(process.platform === "win32")("refuses what is no file", async () => {
    const socket = join(folder, "socket");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    await expect(requireReplaceable("report", socket)).rejects.toThrow("it is no regular file");
    await new Promise((resolve) => server.close(resolve));
  });
});

test.each([
  ["--metadata-file", "metadata file"],
  ["--report", "report"],
])("create leaves a link alone that %s names", async (flag, what) => {
  const { code, stderr } = await runInProcess(["create", "-t", "127.0.0.1:1/app:1", flag, link, "127.0.0.1:1/app:2"]);
  expect(code).toBe(1);
  expect(stderr).toContain(`Cannot write ${what} "${link}": it is a symbolic link`);
  expect(readlinkSync(link)).toBe("file");
});
