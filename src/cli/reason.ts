import { codeOf, refusals } from "../disk/durable.ts";

/** Why the system refused, in words where there are some; the system's own code says the rest. */
export function reasonOf(error: unknown, { missing = "file" }: { readonly missing?: string } = {}): string {
  const code = codeOf(error);
  if (code === undefined) return "unknown reason";
  return code === "ENOENT" ? `there is no such ${missing}` : (refusals[code] ?? code);
}
