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

test.runIf(process.platform === "linux")("isProcessRunning says no for a process that nobody has reaped", async () => {
  const shell = spawn("sh", ["-c", "sleep 60 & echo $!; read _"], { stdio: ["pipe", "pipe", "ignore"] });
  const [line] = (await once(shell.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  const name = processName(pid);
  expect(isProcessRunning(name)).toBe(true);

  shell.kill("SIGSTOP");
  process.kill(pid);

  await expect.poll(() => isProcessRunning(name)).toBe(false);
  shell.kill("SIGKILL");
});

test.each(["", "x", "0x1", "-1", `${process.pid} `, `1 ${process.pid} 2`])(
  "isProcessRunning takes %j for no name",
  (name) => {
    expect(isProcessRunning(name)).toBe(false);
  },
);
