import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let folder: string | undefined;

/** A folder for the journals of this test process. It goes with the temporary folder of all tests. */
export function stateHome(): string {
  return (folder ??= mkdtempSync(join(tmpdir(), "waybill-state-")));
}
