import { codeOf } from "../disk/durable.ts";

const words: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of its path is no folder",
  EROFS: "the file system is read-only",
};

/** Why the system refused, in words where there are some; the system's own code says the rest. */
export function reasonOf(error: unknown, { missing = "file" }: { readonly missing?: string } = {}): string {
  const code = codeOf(error);
  if (code === undefined) return "unknown reason";
  return code === "ENOENT" ? `there is no such ${missing}` : (words[code] ?? code);
}

/** Whether room is what is missing: told apart, because making some is the way on. */
export function isDiskFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}
