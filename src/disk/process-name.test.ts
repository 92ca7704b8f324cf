import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { expect, test } from "vitest";
import { isProcessRunning, processName } from "./process-name.ts";

test("isProcessRunning knows this process by its name, and by its number alone", () => {
  expect(isProcessRunning(processName(process.pid))).toBe(true);
  expect(isProcessRunning(`${process.pid}`)).toBe(true);
});

test.runIf(process.platform === "linux")(
  "isProcessRunning does not take a process for another that had its number",
  () => {
    expect(isProcessRunning(`${process.pid} 1`)).toBe(false);
  },
);

test("isProcessRunning says no for a process that has ended", async () => {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  const name = processName(child.pid ?? 0);
  await once(child, "exit");

  expect(isProcessRunning(name)).toBe(false);
});

test.each(["", "x", "0x1", "-1", `${process.pid} `, `1 ${process.pid} 2`])(
  "isProcessRunning takes %j for no name",
  (name) => {
    expect(isProcessRunning(name)).toBe(false);
  },
);
