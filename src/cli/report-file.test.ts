import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
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

test("a report takes away what killed processes have left beside it, a day old, and nothing else", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waybill-report-"));
  const leave = async (name: string, ageMs: number) => {
    await writeFile(join(folder, name), "half");
    const at = new Date(Date.now() - ageMs);
    await utimes(join(folder, name), at, at);
  };
  const [gone, day, minute] = [4_194_305, 86_400_000, 60_000];
  const hex = "0123456789ab";
  for (const pid of [gone, process.pid]) await leave(`.report.json.${pid}-${hex}.tmp`, day + minute);
  const others = [
    `.report.json.${process.ppid}-${hex}.tmp`,
    `.report.json.${hex}.tmp`,
    `.report.json.old.${gone}-${hex}.tmp`,
    `.areport.json.${gone}-${hex}.tmp`,
  ];
  for (const name of others) await leave(name, day + minute);
  const young = `.report.json.${gone}-${hex.replace("0", "f")}.tmp`;
  await leave(young, day - minute);

  await openReportFile(join(folder, "report.json"), { clock: fakeClock(), warn: (message) => expect.fail(message) });

  expect((await readdir(folder)).toSorted()).toEqual([...others, young].toSorted());
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
