import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runInProcess } from "../../../test/support/in-process.ts";

let config: string;
beforeEach(() => {
  config = mkdtempSync(join(tmpdir(), "waybill-plugin-"));
});
afterEach(() => rmSync(config, { recursive: true }));

const install = (env: string) => runInProcess(["plugin", "install"], { env: { DOCKER_CONFIG: env } });

describe("plugin install", () => {
  test("plugin install makes the folder and links the program there", async () => {
    expect(await install(join(config, "new"))).toMatchObject({ code: 0, stderr: "" });
    expect(readlinkSync(join(config, "new/cli-plugins/docker-waybill"))).toBe("/nonexistent/waybill");
  });

  test("plugin install names the file that is where the folder should be, and leaves it alone", async () => {
    const file = join(config, "cli-plugins");
    writeFileSync(file, "somebody else's");

    expect(await install(config)).toMatchObject({
      code: 7,
      stderr: `ERROR: Cannot make folder "${file}": something that is no folder is there\n  hint: move it away, then run this again\n`,
    });
    expect(readFileSync(file, "utf8")).toBe("somebody else's");
  });

  test("plugin install replaces links to other copies of Waybill, and those that lead nowhere", async () => {
    const other = join(config, "other");
    mkdirSync(join(other, "dist/cli"), { recursive: true });
    mkdirSync(join(config, "cli-plugins"));
    writeFileSync(join(other, "package.json"), '{"name": "waybill"}');
    writeFileSync(join(other, "dist/cli/main.js"), "");
    const link = join(config, "cli-plugins/docker-waybill");
    for (const target of [join(other, "dist/cli/main.js"), join(config, "gone")]) {
      rmSync(link, { force: true });
      symlinkSync(target, link);
      expect(await install(config)).toMatchObject({ code: 0 });
      expect(readlinkSync(link)).toBe("/nonexistent/waybill");
    }
  });

  test("plugin install leaves somebody else's link alone", async () => {
    const target = join(config, "main.js");
    mkdirSync(join(config, "cli-plugins"));
    writeFileSync(target, "somebody else's");
    const link = join(config, "cli-plugins/docker-waybill");
    symlinkSync(target, link);

    expect(await install(config)).toMatchObject({
      code: 7,
      stderr: `ERROR: Cannot link "${link}": a link that is not ours is there, to ${target}\n  hint: move it away, then run this again\n`,
    });
    expect(readlinkSync(link)).toBe(target);
  });

  test("plugin install names the link that leads nowhere, where it is further up", async () => {
    const link = join(config, "docker");
    symlinkSync(join(config, "gone"), link);

    const { code, stderr } = await install(link);

    expect([code, stderr]).toEqual([7, expect.stringContaining(`ERROR: Cannot make folder "${link}": `)]);
  });
});
