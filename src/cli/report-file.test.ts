import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { bytesOf, pushImage } from "../../test/support/images.ts";
import { createMemoryStore } from "../content/memory.ts";
import { WaybillError } from "../errors.ts";
import { digestOf } from "../spec/digest.ts";
import { parseReference } from "../spec/reference.ts";
import { publicationOf } from "../transfer/publication.ts";
import { nothingEarlier } from "../transfer/recording.ts";
import { openReportFile, readReportFile } from "./report-file.ts";

test("a report holds what the tags of a late target named, from before the first of them moves", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waybill-report-"));
  const path = join(folder, "report.json");
  const at = parseReference("b.example/app").location;
  const image = await pushImage(createMemoryStore("source"));
  const late = { target: { at, tags: ["1"] } };
  const policy = { onError: "keep-going" } as const;
  const publication = publicationOf({ manifest: image, origins: new Map() }, [late], { referrers: "none", policy });
  const old = digestOf(bytesOf("old"));

  const file = await openReportFile(path, { clock: fakeClock(), warn: (message) => expect.fail(message) });
  const witness = file.witness({ publication, earlier: nothingEarlier });
  witness.looked?.(at, { "1": old });
  await witness.tagging(at, ["1"]);

  expect((await readReportFile(path)).earlier.tags).toEqual(
    new Map([["b.example/app:1", { before: old, write: "begun" }]]),
  );
  await rm(folder, { recursive: true });
});

test.each([
  ["interrupted", "cancelled"],
  ["failed", "not_found"],
] as const)("a report of a run that came to no plan is %s where that was for %s", async (state, code) => {
  const folder = await mkdtemp(join(tmpdir(), "waybill-report-"));
  const path = join(folder, "report.json");
  const file = await openReportFile(path, { clock: fakeClock(), warn: (message) => expect.fail(message) });

  await file.fail(new WaybillError(code, "Cannot go on"));

  expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ state, error: { class: code } });
  await rm(folder, { recursive: true });
});
