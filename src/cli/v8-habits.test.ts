import { spawnSync } from "node:child_process";
import process from "node:process";
import { expect, test } from "vitest";
import { flagsFor } from "./v8-habits.ts";

test("flagsFor names what V8 knows, and nothing to a version that nobody has tried", () => {
  const known = spawnSync(process.execPath, ["--v8-options"], { encoding: "utf8" }).stdout;

  for (const flag of flagsFor("usual", process.versions)) expect(known).toContain(`default: ${flag}\n`);
  expect(flagsFor("short", { v8: "11.3.244.8-node.38" })).toEqual([
    "--semi-space-growth-factor=8",
    "--interrupt-budget=2000000",
  ]);
  expect(flagsFor("short", { v8: "13.6.233.17-node.53" })).toEqual(["--semi-space-growth-factor=8"]);
  expect(flagsFor("short", { v8: "14.1.146.11-node.14" })).toEqual([]);
});
