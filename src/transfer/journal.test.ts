import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { bytesOf, pushImage } from "../../test/support/images.ts";
import { createMemoryStore } from "../content/memory.ts";
import { Journal } from "../disk/journal.ts";
import { WaybillError } from "../errors.ts";
import { digestOf, type Digest } from "../spec/digest.ts";
import { parseReference } from "../spec/reference.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
import { journalRecorder } from "./journal.ts";
import type { Earlier, Ending } from "./recording.ts";
import { noNames, type NamesOfTags } from "./named.ts";
import type { TagResult } from "./result.ts";
import type { TagPast } from "./tag-past.ts";
import { publicationOf, type Publication, type SeenTarget } from "./publication.ts";
import { listRuns, readRun } from "./runs.ts";

let folder = "";
let events: WaybillEvent[] = [];
const clock = fakeClock();
const place = parseReference("b.example/app").location;
const bytes = { sentBytes: 0, mountedBytes: 0, skippedBytes: 0, durationMs: 1 };
const endedTarget = { target: "b.example/app", tags: [], ...bytes };
const old = digestOf(bytesOf("old"));
const blob = digestOf(bytesOf("blob"));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-runs-"));
  events = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const recorder = (name = "1", running: readonly string[] = [], user = process.getuid?.(), earlier?: Earlier) =>
  journalRecorder({
    ...(earlier && { earlier }),
    folder,
    owner: { name, isRunning: (other) => running.includes(other), ...(user !== undefined && { user }) },
    clock,
    report: (event) => void events.push(event),
  });

function writtenIn({ earlier }: { readonly earlier: Earlier }): readonly string[] {
  return [...earlier.tags].filter(([, { write }]) => write !== undefined).map(([name]) => name);
}

async function publication(
  before: Readonly<Record<string, Digest | "absent">> = { "1": old },
  seed = "layer",
  tags = Object.keys(before),
): Promise<Publication> {
  const store = createMemoryStore("source");
  const image = await pushImage(store, { layers: [bytesOf(seed)] });
  const looked: SeenTarget = { target: { at: place, tags }, before };
  return publicationOf({ manifest: image, origins: new Map() }, [looked], {
    referrers: "none",
    policy: { onError: "abort" },
  });
}

/** The targets, with what their tags name now. */
function named({ targets }: Publication, before: NamesOfTags): Pick<Publication, "targets"> {
  return { targets: targets.map((target) => ({ ...target, before })) };
}

describe("journalRecorder", () => {
  test("journalRecorder tells the next run what one that died had done", async () => {
    const asked = await publication();
    {
      await using first = await recorder().begin(asked);
      first.session?.(place, blob, "https://b.example/upload/1");
      await first.tagging(place, ["1"]);
    }

    const now = await publication({ "1": asked.root.digest });
    await using second = await recorder("2").begin(now);

    expect(second.publication.targets[0]?.before).toEqual({ "1": old });
    expect(writtenIn(second)).toEqual(["b.example/app:1"]);
    expect([...second.earlier.sessions]).toEqual([[`${blob} b.example/app`, "https://b.example/upload/1"]]);
  });

  test("journalRecorder tells the next run what the tags of a target named that was late", async () => {
    const asked = await publication({ "1": old });
    const late = { ...asked, targets: asked.targets.map((target) => ({ ...target, before: {} })) };
    {
      await using first = await recorder().begin(late);
      first.looked?.(place, { "1": old });
      await first.tagging(place, ["1"]);
    }

    expect((await listRuns(folder))[0]?.publication.targets[0]?.before).toEqual({ "1": old });
    await using second = await recorder("2").begin(await publication({ "1": asked.root.digest }));
    expect(second.publication.targets[0]?.before).toEqual({ "1": old });
  });

  test("journalRecorder keeps what a tag named that is called as what every object has", async () => {
    const before = { constructor: old, prototype: old, ["__proto__"]: old };
    const tags = Object.keys(before);
    const asked = await publication(before);
    {
      await using first = await recorder().begin(asked);
      await first.tagging(place, tags);
    }

    expect(Object.entries((await listRuns(folder))[0]!.publication.targets[0]!.before)).toEqual(Object.entries(before));
    await using second = await recorder("2").begin(await publication({ ...before, constructor: asked.root.digest }));
    expect(second.publication.targets[0]!.before["constructor"]).toBe(old);
  });

  test("journalRecorder believes in what a tag names now where no run has written it", async () => {
    {
      await using _ = await recorder().begin(await publication({ "1": "absent" }));
    }
    await using second = await recorder().begin(await publication({ "1": old }));
    expect(second.publication.targets[0]?.before).toEqual({ "1": old });
  });

  const past = ({ earlier }: { readonly earlier: Earlier }) => earlier.tags.get("b.example/app:1");
  const told = (tag: TagResult): Ending => ({
    state: "failed",
    results: [{ ...bytes, at: place, heldBack: false, tags: [tag] }],
  });

  test.each<[TagResult, TagPast["write"]]>([
    [{ tag: "1", state: "moved" }, "acknowledged"],
    [{ tag: "1", state: "left-behind" }, "acknowledged"],
    [{ tag: "1", state: "failed", mayDiffer: true }, "begun"],
    [{ tag: "1", state: "failed", isUnwritten: true }, undefined],
    [{ tag: "1", state: "not-attempted" }, undefined],
    [{ tag: "1", state: "rolled-back" }, undefined],
  ])("journalRecorder knows of a tag that was about to be written and was told as %j: %s", async (tag, write) => {
    {
      await using first = await recorder().begin(await publication());
      await first.tagging(place, ["1"]);
      await first.end(told(tag));
    }
    await using second = await recorder().begin(await publication({}, "layer", ["1"]));
    expect(past(second)?.write).toBe(write);
  });

  test("journalRecorder keeps what an earlier run has written where a later one was refused, and nobody says what the tag names", async () => {
    const silent = () => publication({}, "layer", ["1"]);
    {
      await using first = await recorder().begin(await publication());
      await first.tagging(place, ["1"]);
      first.tagged(place, "1");
      await first.end({ state: "failed", results: [] });
    }
    {
      await using second = await recorder().begin(await silent());
      await second.tagging(place, ["1"]);
      await second.end(told({ tag: "1", state: "failed", isUnwritten: true }));
    }
    await using third = await recorder().begin(await silent());
    expect(past(third)).toEqual({ before: old, write: "acknowledged" });
  });

  test("journalRecorder writes down what is known from elsewhere, beside what it knows itself", async () => {
    const asked = await publication({ "1": old, "2": old });
    {
      await using first = await recorder().begin(asked);
      await first.tagging(place, ["1"]);
    }
    const elsewhere: Earlier = {
      tags: new Map([["b.example/app:2", { before: "absent", write: "acknowledged" }]]),
      sessions: new Map(),
    };
    {
      await using _ = await recorder("2", [], process.getuid?.(), elsewhere).begin({ ...asked, ...named(asked, {}) });
    }
    await using third = await recorder("3").begin({ ...asked, ...named(asked, {}) });
    expect([...third.earlier.tags.values()]).toEqual([
      { before: old, write: "begun" },
      { before: "absent", write: "acknowledged" },
    ]);
  });

  test("journalRecorder claims nothing of a tag that it wrote without knowing what it named", async () => {
    const asked = await publication({}, "layer", ["1"]);
    for (const now of [noNames, { "1": asked.root.digest }]) {
      await using run = await recorder().begin({ ...asked, ...named(asked, now) });
      expect(run.publication.targets[0]?.before).toEqual({});
      await run.tagging(place, ["1"]);
      run.tagged(place, "1");
    }
    expect(past((await listRuns(folder))[0]!)).toEqual({ write: "acknowledged" });
  });

  test("journalRecorder reads what versions before it have written: a beginning that does not say what is written", async () => {
    const asked = await publication();
    let id = "";
    {
      await using first = await recorder().begin(asked);
      await first.tagging(place, ["1"]);
      id = first.id!;
      await using journal = await Journal.open(join(folder, "runs", id, "journal"), () => undefined);
      await journal.append({ type: "begin", at: clock.now(), publication: asked });
      const tags = [{ tag: "1", state: "failed", before: old }];
      await journal.append({ type: "end", at: clock.now(), state: "failed", targets: [{ ...endedTarget, tags }] });
    }
    expect(past((await readRun(folder, id))!)).toEqual({ before: old, write: "begun" });
  });

  test("journalRecorder forgets an upload that is over", async () => {
    {
      await using first = await recorder().begin(await publication());
      first.session?.(place, blob, "https://b.example/upload/1");
      first.session?.(place, blob, undefined);
      await first.tagging(place, []);
    }
    await using second = await recorder().begin(await publication());
    expect(second.earlier.sessions.size).toBe(0);
  });

  test.each(["done", "rolled-back"] as const)("journalRecorder begins anew after a run that is %s", async (state) => {
    {
      await using first = await recorder().begin(await publication());
      await first.tagging(place, ["1"]);
      await first.end({ state, results: [] });
    }
    expect(await recorder().goOn(await publication())).toBeUndefined();
    await using second = await recorder().begin(await publication());
    expect(writtenIn(second)).toEqual([]);
  });

  test.each(["failed", "interrupted"] as const)("journalRecorder goes on with a run that %s", async (state) => {
    {
      await using first = await recorder().begin(await publication());
      await first.tagging(place, ["1"]);
      await first.end({ state, results: [] });
    }
    await using second = await recorder().goOn(await publication());
    expect(second && writtenIn(second)).toEqual(["b.example/app:1"]);
  });

  test("journalRecorder refuses a publication that another process is at, and takes over from one that is gone", async () => {
    await using _ = await recorder("1").begin(await publication());
    await expect(recorder("2", ["1"]).begin(await publication())).rejects.toMatchObject({ code: "busy" });
    await using other = await recorder("2", ["1"]).begin(await publication({ "2": "absent" }));
    expect(other.id).toBeDefined();
    await using after = await recorder("3").begin(await publication());
    expect(after.id).toBeDefined();
  });

  test("journalRecorder keeps others from a publication that is looked at to be taken back, and says nothing of it", async () => {
    const told = await publication();
    {
      await using recording = await recorder().begin(told);
      await expect(recorder("2", ["1"]).reopen(told)).rejects.toMatchObject({
        code: "busy",
        message: expect.stringContaining("Cannot roll back"),
      });
      await recording.end({ state: "done", results: [] });
    }
    {
      await using _held = await recorder().reopen(told);
      await expect(recorder("2", ["1"]).begin(told)).rejects.toMatchObject({ code: "busy" });
    }
    expect(await listRuns(folder)).toMatchObject([{ state: "done", undoes: false }]);

    await using held = await recorder().reopen(told);
    await using _recording = await held.begin();
    expect(await listRuns(folder)).toMatchObject([{ state: "unfinished", undoes: true }]);
  });

  test("journalRecorder reads what stands before a torn end", async () => {
    const asked = await publication();
    {
      await using first = await recorder().begin(asked);
      await first.tagging(place, ["1"]);
      await first.tagging(place, ["never whole"]);
    }
    const path = join(folder, "runs", (await readdir(join(folder, "runs")))[0]!, "journal");
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(0, -3));
    await using second = await recorder().begin(asked);
    expect(writtenIn(second)).toEqual(["b.example/app:1"]);
  });

  test("journalRecorder warns once and records nothing where the folder cannot be used", async () => {
    await writeFile(join(folder, "runs"), "a file");
    await using recording = await recorder().begin(await publication());
    await recording.tagging(place, ["1"]);
    await recording.end({ state: "failed", results: [] });

    expect(recording.id).toBeUndefined();
    const why = /Cannot lock ".*": a part of its path is no folder \(ENOTDIR\)$/;
    expect(events).toMatchObject([{ type: "warning", message: expect.stringMatching(why) }]);
  });

  test("journalRecorder warns and names no run where its journal was deleted meanwhile", async () => {
    const asked = await publication();
    await using recording = await recorder().begin(asked);
    expect(recording.id).toBeDefined();
    await rm(folder, { recursive: true });
    await recording.end({ state: "done", results: [] });

    expect(events).toMatchObject([
      { type: "warning", message: expect.stringMatching(/journal" was deleted meanwhile$/) },
    ]);
    expect(recording.id).toBeUndefined();
  });

  test("journalRecorder keeps folder and file to their owner", async () => {
    await using recording = await recorder().begin(await publication());
    const own = join(folder, "runs", recording.id!);
    expect((await stat(own)).mode & 0o077).toBe(0);
    expect((await stat(join(own, "journal"))).mode & 0o077).toBe(0);
  });

  test.skipIf(process.getuid === undefined)(
    "journalRecorder neither believes nor writes what another user owns, and says so once",
    async () => {
      const asked = await publication();
      {
        await using first = await recorder().begin(asked);
        await first.tagging(place, ["1"]);
      }
      const stranger = recorder("2", [], process.getuid!() + 1);

      expect(await stranger.goOn(asked)).toBeUndefined();
      await using second = await stranger.begin(asked);

      expect([second.id, writtenIn(second)]).toEqual([undefined, []]);
      expect(events).toMatchObject([
        { type: "warning", message: expect.stringContaining(`"${folder}": it belongs to another user`) },
      ]);
      await expect(listRuns(folder, process.getuid!() + 1)).rejects.toMatchObject({ code: "io_failed" });
    },
  );

  test.skipIf(process.getuid === undefined).each(["", "runs", "runs/ID", "runs/ID/journal"])(
    "journalRecorder does not believe a journal where others may write to %j of the state folder",
    async (part) => {
      const asked = await publication();
      let id = "";
      {
        await using first = await recorder().begin(asked);
        await first.tagging(place, ["1"]);
        id = first.id!;
      }
      await chmod(join(folder, part.replace("ID", id)), 0o777);

      await using second = await recorder("2").begin(asked);

      expect([second.id, writtenIn(second)]).toEqual([undefined, []]);
      expect(events).toMatchObject([{ message: expect.stringContaining("other users may write to it") }]);
      expect(await readRun(folder, id, process.getuid!())).toBeUndefined();
    },
  );

  test("journalRecorder passes over entries that are none", async () => {
    const asked = await publication();
    {
      await using _ = await recorder().begin(asked);
    }
    const own = join(folder, "runs", (await readdir(join(folder, "runs")))[0]!);
    await appendFile(join(own, "journal"), 'deadbeef {"type":"tagging","target":"b.example/app","tags":["1"]}\n');
    await using second = await recorder().begin(asked);
    expect(writtenIn(second)).toEqual([]);
  });
});

describe("runs", () => {
  test.each([
    ["without tags", { ...endedTarget, tags: undefined }],
    ["with nothing but its name", { target: "b.example/app" }],
    ["in a state that there is not", { ...endedTarget, tags: [{ tag: "1", state: "lost" }] }],
    ["with an error that says nothing", { ...endedTarget, error: { class: "unavailable" } }],
  ])("listRuns passes over an end that tells of a target %s", async (_what, target) => {
    {
      await using recording = await recorder().begin(await publication());
      await using journal = await Journal.open(join(folder, "runs", recording.id!, "journal"), () => undefined);
      await journal.append({ type: "end", at: clock.now(), state: "done", targets: [target] });
    }
    expect(await listRuns(folder)).toMatchObject([{ state: "unfinished", targets: [] }]);
  });

  test("listRuns gives what the end tells of each target", async () => {
    const { root } = await publication();
    const tags = [{ tag: "1", state: "moved", before: old, writtenAt: 5 }] as const;
    const error = new WaybillError("unavailable", "Cannot push", { registry: "b.example", status: 503 });
    const amounts = { sentBytes: 1, mountedBytes: 2, skippedBytes: 3, durationMs: 4 };
    const preflight = { push: "allowed", immutable: { "1": "unknown" }, pullQuota: { remaining: 7 } } as const;
    {
      await using recording = await recorder().begin(await publication());
      const results = [{ at: place, tags, ...amounts, heldBack: true, error, preflight }];
      await recording.end({ state: "failed", results });
    }
    expect((await listRuns(folder))[0]?.targets).toEqual([
      {
        target: "b.example/app",
        tags: [{ tag: "1", state: "moved", before: old, after: root.digest }],
        ...amounts,
        heldBack: true,
        error: { class: "unavailable", message: "Cannot push", registry: "b.example", status: 503 },
        preflight,
      },
    ]);
  });

  test("listRuns gives every run, the latest first, with its state", async () => {
    for (const [seed, state] of [
      ["a", "done"],
      ["b", "failed"],
    ] as const) {
      await using recording = await recorder().begin(await publication({ "1": old }, seed));
      clock.advance(1000);
      await recording.end({ state, results: [] });
    }
    expect((await listRuns(folder)).map(({ state }) => state)).toEqual(["failed", "done"]);
    expect(await readRun(folder, "0000000000000000")).toBeUndefined();
  });

  test("a run that ends takes those away that are older than 30 days, and leaves what others work on", async () => {
    const day = 24 * 60 * 60 * 1000;
    const ids: string[] = [];
    for (const seed of ["old", "held", "young"]) {
      await using recording = await recorder().begin(await publication({ "1": old }, seed));
      ids.push(recording.id!);
    }
    const [gone, held] = ids;
    for (const id of [gone!, held!]) {
      const long = new Date(clock.now() - 31 * day);
      await utimes(join(folder, "runs", id, "journal"), long, long);
    }
    await writeFile(join(folder, "runs", held!, "lock"), "9");
    await using last = await recorder("1", ["9"]).begin(await publication({ "1": old }, "last"));
    await utimes(join(folder, "runs", ids[2]!, "journal"), new Date(clock.now()), new Date(clock.now()));
    await last.end({ state: "done", results: [] });

    expect((await readdir(join(folder, "runs"))).toSorted()).toEqual([held!, ids[2]!, last.id!].toSorted());
  });

  test("what is old is looked for once a day, however many runs end", async () => {
    const day = 24 * 60 * 60 * 1000;
    const end = async (seed: string) => {
      await using recording = await recorder().begin(await publication({ "1": old }, seed));
      await recording.end({ state: "done", results: [] });
      return recording.id!;
    };
    const first = await end("first");
    const long = new Date(clock.now() - 31 * day);
    await utimes(join(folder, "runs", first, "journal"), long, long);

    const second = await end("second");
    expect((await readdir(join(folder, "runs"))).toSorted()).toEqual([first, second].toSorted());
    clock.advance(day);
    const third = await end("third");
    expect((await readdir(join(folder, "runs"))).toSorted()).toEqual([second, third].toSorted());
  });

  test("a folder that belongs to nobody's run is not touched", async () => {
    await mkdir(join(folder, "runs", "notes"), { recursive: true });
    await chmod(join(folder, "runs", "notes"), 0o700);
    await using recording = await recorder().begin(await publication());
    await recording.end({ state: "done", results: [] });
    expect(await readdir(join(folder, "runs"))).toContain("notes");
  });
});
