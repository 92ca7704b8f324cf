import type { Host } from "./host.ts";

/** What the user types before one of our commands. */
export function typedName({ isPlugin }: Pick<Host, "isPlugin">): string {
  return isPlugin ? "docker waybill" : "waybill";
}
