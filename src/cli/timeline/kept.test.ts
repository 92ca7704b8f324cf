import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pageFor } from "./film.ts";
import { filmPath, keepFilm } from "./keep.ts";
import { readFilm } from "./kept.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waybill-kept-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("readFilm", () => {
  test("readFilm gives back what was kept", async () => {
    const film = {
      title: "publish",
      events: [{ type: "task-done", id: "1", at: 1_700_000_000_000 }],
      dropped: 2,
    } as const;
    await keepFilm(folder, film);

    expect(await readFilm(folder)).toEqual(film);
  });

  test("readFilm gives nothing where nothing was kept", async () => {
    expect(await readFilm(folder)).toBeUndefined();
  });

  test.each([0, 20])("readFilm gives nothing where only %i bytes were kept", async (length) => {
    await keepFilm(folder, { title: "publish", events: [], dropped: 0 });
    truncateSync(filmPath(folder), length);

    expect(await readFilm(folder)).toBeUndefined();
  });

  test.each(["9e15", "-9e15", "1e999"])("readFilm fails where a time is %s, which no calendar has", async (at) => {
    keep(`{"title":"t","events":[{"type":"task-started","id":"a","phase":"x","at":${at}}],"dropped":0}`);

    await expect(readFilm(folder)).rejects.toMatchObject({
      code: "io_failed",
      message: expect.stringContaining(`Cannot read "${filmPath(folder)}": `),
    });
  });

  test("readFilm passes over what is damaged and not needed, and the rest can be drawn", async () => {
    const at = 1_700_000_000_000;
    const none = { parent: null, part: null, target: 1, digest: {}, sizeBytes: "4", tags: [1] };
    const started = { type: "task-started", id: "a", phase: "stage", at, ...none };
    const attempt = { type: "http", id: "1", method: "GET", url: "/", attempt: 1, startedAt: at, durationMs: 1 };
    const odd = { task: 1, after: null, operation: null, status: "200", error: null, requestId: {} };
    const events = [
      started,
      { type: "task-done", id: "a", at, error: null, outcome: null },
      { ...started, id: "b" },
      { type: "task-done", id: "b", at, error: { code: "io_failed" } },
      { ...attempt, ...odd, sentBytes: 1, receivedBytes: 1, marks: [] },
    ];
    keep(JSON.stringify({ title: "damaged", events, dropped: 0 }));

    const film = await readFilm(folder);

    expect(film && (await pageFor(film))).toContain("damaged");
  });

  test.each([8.64e15, -8.64e15])("readFilm takes the last time that there is, %d, and it can be drawn", async (at) => {
    const attempt = { type: "http", id: "1", method: "GET", url: "/", attempt: 1, startedAt: at, durationMs: 8.64e15 };
    const event = { ...attempt, sentBytes: 1, receivedBytes: 1, marks: [{ name: "sent", at: -at }] };
    keep(JSON.stringify({ title: "t", events: [event], dropped: 0 }));

    const film = await readFilm(folder);

    expect(film && (await pageFor(film))).toContain(new Date(at).toISOString());
  });
});

function keep(text: string): void {
  writeFileSync(filmPath(folder), gzipSync(text));
}
