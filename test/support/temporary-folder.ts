import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Gives all tests one temporary folder, which goes when they have ended: what a test leaves in it, because its process was ended
 * before it could tidy up, goes with it.
 */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "waybill-tests-"));
  for (const name of ["TMPDIR", "TEMP", "TMP"]) process.env[name] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
