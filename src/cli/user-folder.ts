import { join } from "node:path";

/** What decides where a user's files lie. */
export interface UserPlaces {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly homeDirectory: string;
}

/** Our folder among what the user keeps of a kind, as the system has it. */
export function userFolder(kind: "state" | "cache", { env, platform, homeDirectory }: UserPlaces): string {
  const xdg = env[`XDG_${kind.toUpperCase()}_HOME`];
  // The specification wants relative paths ignored.
  if (xdg?.startsWith("/")) return join(xdg, "waybill");
  const local = env["LOCALAPPDATA"];
  if (platform === "win32" && local) return join(local, "waybill", kind);
  return join(homeDirectory, kind === "state" ? ".local/state" : cacheOf(platform), "waybill");
}

function cacheOf(platform: string): string {
  return platform === "darwin" ? "Library/Caches" : ".cache";
}
