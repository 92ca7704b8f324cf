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
import { publicationOf, type Publication } from "../transfer/publication.ts";
import { nothingEarlier } from "../transfer/recording.ts";
import { openReportFile, readReportFile } from "./report-file.ts";

test("a report holds what the tags of a late target named, from before the first of them moves", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waybill-report-"));
  const path = join(folder, "report.json");
  const publication = await onePublication();
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
  ["failed", { state: "failed", targets: [{ tags: [{ tag: "1", state: "created", before: null }] }], plan: {} }],
  ["done", { state: "failed", targets: [] }],
] as const)(
  "a run that came to no plan leaves what the file tells of tags where its run is not over: %s",
  async (state, left) => {
    const folder = await mkdtemp(join(tmpdir(), "waybill-report-"));
    const path = join(folder, "report.json");
    const clock = fakeClock();
    const open = () => openReportFile(path, { clock, warn: (message) => expect.fail(message) });
    const publication = await onePublication();
    const witness = (await open()).witness({ publication, earlier: nothingEarlier });
    const tag = { tag: "1", state: "created", before: "absent" } as const;
    await witness.end({ state, results: [{ ...noBytes, at, tags: [tag], durationMs: 1 }] });

    await (await open()).fail(new WaybillError("not_found", "Cannot find the source"));

    const told = JSON.parse(await readFile(path, "utf8")) as unknown;
    expect(told).toMatchObject({ ...left, error: { class: "not_found" } });
    await rm(folder, { recursive: true });
  },
);

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

const at = parseReference("b.example/app").location;
const noBytes = { sentBytes: 0, mountedBytes: 0, skippedBytes: 0, heldBack: false };

/** Of one tag, of which nobody knows yet what it named. */
async function onePublication(): Promise<Publication> {
  const manifest = await pushImage(createMemoryStore("source"));
  const late = { target: { at, tags: ["1"] } };
  const policy = { onError: "keep-going" } as const;
  return publicationOf({ manifest, origins: new Map() }, [late], { referrers: "none", policy });
}
