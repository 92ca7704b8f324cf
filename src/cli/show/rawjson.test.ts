import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { logFor } from "../../../test/support/log.ts";
import { anyEvents, script } from "../../../test/support/progress-script.ts";
import { faultsOfSolveStatus } from "../../../test/support/solve-status.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { rawJsonRenderer } from "./rawjson.ts";

function written(events: readonly WaybillEvent[]): readonly string[] {
  let text = "";
  const output = { write: (chunk: string | Uint8Array) => (text += String(chunk)) };
  const renderer = rawJsonRenderer({ output, clock: fakeClock(), env: {}, log: logFor() });
  for (const event of events) renderer.event(event);
  renderer.close();
  return text === "" ? [] : text.trimEnd().split("\n");
}

type Status = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

function statuses(events = script): readonly Status[] {
  return written(events).map((line) => JSON.parse(line) as Status);
}

test("rawJsonRenderer writes one SolveStatus a line", () => {
  const [first, second] = statuses();
  const digest = first?.["vertexes"]?.[0]?.["digest"];
  const text = `copying sha256:${"a".repeat(64)} from one.example/app to one.example/app\n`;

  expect(first).toEqual({
    vertexes: [{ digest, name: "[internal] pushing one.example/app", started: "1970-01-01T00:00:01.000Z" }],
  });
  expect(second).toEqual({
    logs: [
      { vertex: digest, stream: 1, data: Buffer.from(text).toString("base64"), timestamp: "1970-01-01T00:00:01.000Z" },
    ],
  });
  expect(statuses().at(-1)?.["vertexes"]?.[0]).toMatchObject({
    completed: "1970-01-01T00:00:12.000Z",
    error: "Cannot push manifest: denied",
  });
});

test("rawJsonRenderer follows a blob from its beginning to its end, with the time when it began", () => {
  const large = `sha256:${"b".repeat(64)}`;
  const seen = statuses()
    .flatMap((status) => status["statuses"] ?? [])
    .filter(({ id }) => id === large);

  expect(seen.map(({ current, total, started, completed }) => [current, total, started, completed])).toEqual([
    [0, 4_000_000, "1970-01-01T00:00:01.300Z", undefined],
    [1_000_000, 4_000_000, "1970-01-01T00:00:01.300Z", undefined],
    [800_000, 4_000_000, "1970-01-01T00:00:01.300Z", undefined],
    [4_000_000, 4_000_000, "1970-01-01T00:00:01.300Z", undefined],
    [4_000_000, 4_000_000, "1970-01-01T00:00:01.300Z", "1970-01-01T00:00:07.100Z"],
  ]);
});

test("rawJsonRenderer writes how far a blob is twice a second at most", () => {
  const facts = { id: "1", digest: "sha256:1", mediaType: "x/y", sizeBytes: 1_000_000, target: "a", at: 0 };
  const lines = written([
    { ...facts, type: "content-started" },
    ...Array.from({ length: 1000 }, (_, at) => ({ type: "content-progress" as const, id: "1", bytes: 1000, at })),
  ]);

  expect(lines).toHaveLength(3);
});

test("rawJsonRenderer tells a warning of a vertex of its own, so that readers do not pass over it", () => {
  const status = statuses().find((one) => "warnings" in one);

  expect(status?.["vertexes"]?.[0]?.["digest"]).toBe(status?.["warnings"]?.[0]?.["vertex"]);
  expect(Buffer.from(String(status?.["warnings"]?.[0]?.["short"]), "base64").toString()).toBe(
    "this repository is \u001b[31mold (two.example)",
  );
});

test("rawJsonRenderer ends what was cancelled with the words by which readers know it", () => {
  const [, last] = statuses([
    { type: "work-started", id: "a", name: "pushing a", at: 0 },
    {
      type: "work-done",
      id: "a",
      error: { code: "cancelled", message: "copy sha256:2 to a: Cancelled: got SIGINT" },
      at: 900,
    },
  ]);

  expect(last?.["vertexes"]?.[0]?.["error"]).toBe("copy sha256:2 to a: Cancelled: got SIGINT: context canceled");
});

test("rawJsonRenderer writes what buildkit's readers take, whatever is reported", () => {
  expect(faultsOfSolveStatus(written(script))).toEqual([]);
  fc.assert(
    fc.property(anyEvents, (events) => {
      const named = events.map((event) => ("digest" in event ? { ...event, digest: `sha256:${event.digest}` } : event));
      const lines = written(named);
      expect(lines.join("")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      expect(faultsOfSolveStatus(lines)).toEqual([]);
    }),
  );
});
