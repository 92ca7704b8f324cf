import process from "node:process";
import type { FolderOwner } from "../disk/lock.ts";
import { isProcessRunning, processName } from "../disk/process-name.ts";
import type { Host } from "./host.ts";
import { userFolder } from "./user-folder.ts";

/** Where what must outlive a run is kept: `--state`, else the user's state folder as the system has it. */
export function stateFolder(given: string | undefined, host: Host): string {
  return given ?? userFolder("state", host);
}

/** This process, as other processes know it by its locks. */
export function thisProcess(): FolderOwner {
  const user = process.getuid?.();
  return { name: processName(process.pid), isRunning: isProcessRunning, ...(user !== undefined && { user }) };
}
