import { assert, array, integer, property, record, string } from "fast-check";
import { describe, expect, test } from "vitest";
import type { AttemptEvent } from "../../telemetry/attempt.ts";
import type { RecordedRun } from "../../transfer/recorded-run.ts";
import { createCollector, type TimelineEvent } from "./collect.ts";
import { pageFor } from "./film.ts";
import { timelineOf } from "./model.ts";
import { journalFilm } from "./notes.ts";
import { packed } from "./pack.ts";
import { pageOf } from "./page.ts";
import { throughputOf } from "./throughput.ts";

const digest = `sha256:${"a".repeat(64)}`;
const target = "b.example/app";
const origin = 1_700_000_000_000;

function attempt(id: string, change: Partial<AttemptEvent>): AttemptEvent {
  return {
    type: "http",
    id,
    resend: 0,
    method: "PUT",
    url: "https://b.example/v2/app/blobs/uploads/1",
    registry: "b.example",
    attempt: 1,
    inFlight: 1,
    startedAt: origin,
    durationMs: 100,
    sentBytes: 0,
    receivedBytes: 0,
    status: 201,
    marks: [],
    ...change,
  };
}

/** A blob that is sent at the second try, and the tag after it. */
const run: readonly TimelineEvent[] = [
  { type: "task-started", id: "command", phase: "command", at: origin },
  { type: "task-started", id: "stage", phase: "stage", target, at: origin },
  { type: "task-started", id: "blob", parent: "stage", phase: "stage", part: "blob", target, digest, at: origin },
  attempt("1", { task: "blob", status: 503, durationMs: 50 }),
  attempt("2", { task: "blob", after: "1", attempt: 2, startedAt: origin + 250, durationMs: 150, sentBytes: 1500 }),
  { type: "task-done", id: "blob", outcome: "sent", at: origin + 400 },
  { type: "task-done", id: "stage", at: origin + 400 },
  {
    type: "task-started",
    id: "tag",
    parent: "tags",
    phase: "tag",
    part: "tags",
    target,
    tags: ["1"],
    at: origin + 400,
  },
  attempt("3", { task: "tag", startedAt: origin + 400, durationMs: 100 }),
  { type: "task-done", id: "tag", at: origin + 500 },
  { type: "task-done", id: "command", at: origin + 500 },
];

describe("timelineOf", () => {
  test("timelineOf puts the attempts of one blob into one bar, with the wait between them", () => {
    const [lane] = timelineOf(run).registries;
    expect(lane).toMatchObject({ name: "b.example", rows: 1, attempts: 3, retries: 1, failures: 1 });
    const [blob, tag] = lane!.bars;
    expect(blob).toMatchObject({ from: 0, to: 400, state: "done", backoffs: [{ from: 50, to: 250 }] });
    expect(blob?.attempts.map(({ isFailed }) => isFailed)).toEqual([true, false]);
    expect(tag).toMatchObject({ from: 400, to: 500, label: "tags 1" });
  });

  test("timelineOf shows the wait of an upload that goes on in another session, and none where a token was fetched", () => {
    const task = { task: "blob", durationMs: 50 };
    const events: readonly TimelineEvent[] = [
      ...run.slice(0, 3),
      attempt("1", { ...task, status: 401 }),
      attempt("2", { ...task, after: "1", startedAt: origin + 60, status: 503 }),
      attempt("3", { ...task, method: "POST", startedAt: origin + 300, status: 202 }),
      attempt("4", { ...task, after: "2", startedAt: origin + 350 }),
    ];
    const [lane] = timelineOf(events).registries;
    expect(lane).toMatchObject({ retries: 1, bars: [{ backoffs: [{ from: 110, to: 350 }] }] });
  });

  test("timelineOf gives a layout a lane of its own name", () => {
    const layout = "oci-layout:///tmp/out";
    const events: readonly TimelineEvent[] = [
      { type: "task-started", id: "blob", phase: "stage", part: "blob", target: layout, digest, at: origin },
      { type: "task-done", id: "blob", outcome: "sent", at: origin + 10 },
    ];
    expect(timelineOf(events).registries).toMatchObject([{ name: layout, bars: [{ from: 0, to: 10 }] }]);
  });

  test("timelineOf finds the chain that ended last", () => {
    expect(timelineOf(run).critical).toEqual([
      { from: 0, to: 400, label: "blob sha256:aaaaaaaaaaaa at b.example/app" },
      { from: 400, to: 500, label: "tags 1 at b.example/app" },
    ]);
  });

  test("timelineOf draws what never ended to the end of the run", () => {
    const { phases, durationMs } = timelineOf(
      run.filter((event) => event.type !== "task-done" || event.id !== "stage"),
    );
    expect(phases.bars).toMatchObject([{ kind: "stage", from: 0, to: durationMs }]);
  });

  test("timelineOf of nothing is an empty picture", () => {
    expect(timelineOf([])).toMatchObject({ durationMs: 0, registries: [], critical: [] });
    expect(pageOf(timelineOf([]), { title: "nothing" })).toContain("<h1>nothing</h1>");
  });
});

test("packed covers no span by another in the same row", () => {
  const span = record({ from: integer({ min: 0, max: 1000 }), length: integer({ min: 0, max: 100 }) });
  assert(
    property(array(span), (raw) => {
      const spans = raw.map(({ from, length }) => ({ from, to: from + length }));
      const { rows, count } = packed(spans);
      for (const [a, one] of spans.entries()) {
        expect(rows[a]).toBeLessThan(count);
        for (const [b, other] of spans.entries()) {
          const isApart = one.to <= other.from || other.to <= one.from;
          if (a !== b && rows[a] === rows[b]) expect(isApart).toBe(true);
        }
      }
    }),
  );
});

test("throughputOf loses no byte", () => {
  const attempts = [10, 333, 90_000].map((sentBytes, at) =>
    attempt(`${at}`, { sentBytes, startedAt: origin + at * 77, durationMs: at * 50 }),
  );
  const { stepMs, sent } = throughputOf(attempts, origin);
  const total = sent.reduce((sum, perSecond) => sum + (perSecond * stepMs) / 1000, 0);
  expect(total).toBeCloseTo(90_343, 3);
});

describe("pageOf", () => {
  test("pageOf names no place on any network and runs nothing but its own script", () => {
    const page = pageOf(timelineOf(run), { title: "publish" });
    expect(page).toMatch(
      /content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[A-Za-z0-9+/=]{44}'"/,
    );
    expect(page).not.toMatch(/<(?:link|img|iframe)|src=|@import|url\(/);
    expect(page.match(/<script/g)).toHaveLength(1);
  });

  test("pageOf shows foreign text as text", () => {
    assert(
      property(string({ unit: "binary" }), (foreign) => {
        const hostile = `"><script>alert(1)</script>\u202e${foreign}`;
        const events: TimelineEvent[] = [
          { type: "task-started", id: "a", phase: "stage", target: hostile, at: origin },
          { type: "task-done", id: "a", at: origin + 1, error: { code: "internal", message: hostile } },
          attempt("1", { registry: hostile, url: `https://x/${hostile}`, error: hostile }),
        ];
        const page = pageOf(timelineOf(events), { title: hostile });
        expect(page.match(/<script/g)).toHaveLength(1);
        expect(page).not.toContain("\u202e");
      }),
      { numRuns: 25 },
    );
  });

  test("pageOf of five thousand attempts is as many elements and a few, and says what is missing", () => {
    const many = Array.from({ length: 5000 }, (_, at) => attempt(`${at}`, { startedAt: origin + at, durationMs: 30 }));
    const page = pageOf(timelineOf(many), { title: "many", dropped: 7 });
    expect(page.match(/class="try/g)).toHaveLength(5000);
    expect(page.length).toBeLessThan(6_000_000);
    expect(page).toContain("7 events are missing");
  });
});

describe("a page that lacks something says so", () => {
  test("where a run was not watched closely", async () => {
    const tasks = run.filter(({ type }) => type !== "http");
    const page = await pageFor({ title: "publish", events: tasks, dropped: 0 });
    expect(page).toContain("Requests, retries and throughput are not known of this run");
    expect(await pageFor({ title: "publish", events: run, dropped: 0 })).not.toContain("are not known");
  });

  test("where nothing but a journal is left of it, with what that knows", async () => {
    const target = (name: string) => ({ target: name, tags: ["1"], before: {} });
    const publication = { root: { digest }, targets: [target("a.example/app"), target("b.example/app")] };
    const earlier = { tags: new Map([["a.example/app:1", { write: "begun" }]]) };
    const killed = { id: "00ff", publication, startedAt: origin, state: "unfinished", earlier };
    const page = await pageFor(journalFilm(killed as unknown as RecordedRun, "docker waybill resume 00ff"));
    expect(page).toContain("its process was killed, or is still running");
    expect(page).toContain("a.example/app: 1 written, or begun");
    expect(page).toContain("b.example/app: 1 not written");
    expect(page).toContain("docker waybill resume 00ff");
  });
});

test("createCollector keeps what a timeline is made of, up to a bound", () => {
  const collector = createCollector(2);
  collector.report({ type: "debug", message: "no", at: 0 });
  for (const id of ["1", "2", "3"]) collector.report(attempt(id, {}));
  expect(collector.events.map((event) => "id" in event && event.id)).toEqual(["1", "2"]);
  expect(collector.dropped).toBe(1);
});
