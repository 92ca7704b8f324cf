import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openMetadataFile } from "./metadata-file.ts";

test("openMetadataFile leaves nothing behind, so that a run that is killed does not either", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waybill-metadata-"));

  await openMetadataFile(join(folder, "metadata.json"));

  expect(await readdir(folder)).toEqual([]);
  await rm(folder, { recursive: true });
});
