import { join } from "node:path";
import process from "node:process";
import type { FolderOwner } from "../disk/lock.ts";
import type { Host } from "./host.ts";
import { isProcessRunning, processName } from "./process-name.ts";

/** Where what must outlive a run is kept: `--state`, else the user's state folder as the system has it. */
export function stateFolder(given: string | undefined, { env, platform, homeDirectory }: Host): string {
  if (given !== undefined) return given;
  const xdg = env["XDG_STATE_HOME"];
  // The specification wants relative paths ignored.
  if (xdg?.startsWith("/")) return join(xdg, "waybill");
  const local = env["LOCALAPPDATA"];
  if (platform === "win32" && local) return join(local, "waybill", "state");
  return join(homeDirectory, ".local", "state", "waybill");
}

/** This process, as other processes know it by its locks. */
export function thisProcess(): FolderOwner {
  const user = process.getuid?.();
  return { name: processName(process.pid), isRunning: isProcessRunning, ...(user !== undefined && { user }) };
}
