import type { Host } from "./host.ts";
import { userFolder } from "./user-folder.ts";

/** Where what must outlive a run is kept: `--state`, else the user's state folder as the system has it. */
export function stateFolder(given: string | undefined, host: Host): string {
  return given ?? userFolder("state", host);
}
