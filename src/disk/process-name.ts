import { readFileSync } from "node:fs";
import process from "node:process";
import { codeOf } from "./durable.ts";
import type { FolderOwner } from "./lock.ts";

/** This process, as other processes know it by its locks. */
export function thisProcess(): FolderOwner {
  const user = process.getuid?.();
  return { name: processName(process.pid), isRunning: isProcessRunning, ...(user !== undefined && { user }) };
}

/** Names a process: by its number, and by when it began where the system tells, for numbers are used again. */
export function processName(pid: number): string {
  const start = startOf(pid);
  return start === undefined ? `${pid}` : `${pid} ${start}`;
}

/** Whether the process that `processName` named so still runs; one of that number, where its beginning is not known. */
export function isProcessRunning(name: string): boolean {
  const [, pid, start] = /^(\d+)(?: (\d+))?$/.exec(name) ?? [];
  if (pid === undefined || !isAlive(Number(pid))) return false;
  const seen = startOf(Number(pid));
  return start === undefined || seen === undefined || start === seen;
}

/** Whether there is a process of this number, whoever's it is. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** When a process began, in the kernel's own count; only Linux tells. */
export function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
