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

/**
 * Whether a process of this number runs, whoever's it is. One that has ended and that nobody has asked about (a zombie,
 * as in a container whose first process reaps none) does not, though it has its number still; only Linux tells.
 */
export function isAlive(pid: number): boolean {
  return hasNumber(pid) && !endedStates.has(statOf(pid)?.[0] ?? "");
}

/** When a process began, in the kernel's own count; only Linux tells. */
export function startOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

const endedStates: ReadonlySet<string> = new Set(["Z", "X"]);

function hasNumber(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** What Linux says of a process, from its state on: the program's name, which goes before, may have any characters. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
