import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let folder: string | undefined;

/** A folder for the journals of this test process, gone when it ends. */
export function stateHome(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), "waybill-state-"));
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return folder;
}
