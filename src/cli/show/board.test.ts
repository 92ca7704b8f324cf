import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyEvents } from "../../../test/support/progress-script.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { Board, type Row } from "./board.ts";

const target = "docker.io/acme/app";
const begun: WaybillEvent = {
  type: "work-started",
  id: target,
  name: `pushing ${target}`,
  target,
  planned: { blobs: 3, bytes: 300 },
  at: 0,
};

function rowAfter(...events: readonly WaybillEvent[]): Row {
  const board = new Board();
  for (const event of [begun, ...events]) board.apply(event);
  return board.rows[0]!;
}

const facts = { digest: "sha256:1", mediaType: "x/y", sizeBytes: 100, target, at: 0 };
const started = (id: string): WaybillEvent => ({ ...facts, type: "content-started", id });
const done = (id: string, outcome: "sent" | "mounted" | "existed" | "failed"): WaybillEvent => ({
  ...facts,
  type: "content-done",
  id,
  outcome,
});

describe("Board", () => {
  test("takes what is there already from what is planned, begun or not", () => {
    const row = rowAfter(started("1"), done("1", "mounted"), done("2", "existed"));

    expect(row).toMatchObject({ totalBytes: 100, sentBytes: 0, mounted: 1, existed: 1 });
  });

  test("counts a blob that goes on from where the registry stands, whatever had left before", () => {
    const progress: WaybillEvent = { type: "content-progress", id: "1", bytes: 80, at: 1 };
    const again: WaybillEvent = { type: "content-again", id: "1", offsetBytes: 30, at: 2 };

    expect(rowAfter(started("1"), progress, again).sentBytes).toBe(30);
    expect(rowAfter(started("1"), progress, again, progress).sentBytes).toBe(100);
    expect(rowAfter(started("1"), progress, again, progress, done("1", "sent"))).toMatchObject({
      sentBytes: 100,
      totalBytes: 300,
    });
  });

  test("gives a retry to the target that its registry and repository name", () => {
    const retry = (registry: string, url: string): WaybillEvent => ({
      type: "retry",
      method: "PUT",
      url,
      registry,
      attempt: 1,
      delayMs: 100,
      why: "503",
      at: 5,
    });

    expect(rowAfter(retry("docker.io", "https://registry-1.docker.io/v2/acme/app/manifests/1")).retries).toBe(1);
    expect(rowAfter(retry("ghcr.io", "https://ghcr.io/v2/acme/app/manifests/1")).retries).toBe(0);
    expect(rowAfter(retry("docker.io", "https://registry-1.docker.io/v2/acme/other/manifests/1")).retries).toBe(0);
    const elsewhere = retry("docker.io", "https://registry-1.docker.io/uploads/1");
    expect(rowAfter({ ...elsewhere, target: "docker.io/acme/app" } as WaybillEvent)).toMatchObject({
      retries: 1,
      wait: { text: "503", until: 105 },
    });
  });

  test("gives a retry to its own repository, not to one that is a beginning of its name", () => {
    const board = new Board();
    for (const name of ["r.example/app/web", "r.example/app"])
      board.apply({ type: "work-started", id: name, name, target: name, at: 0 });
    const facts = { type: "retry" as const, method: "PUT", registry: "r.example", attempt: 1, delayMs: 100, at: 5 };

    const row = board.apply({ ...facts, url: "https://r.example/v2/app/web/manifests/1", why: "503" });

    expect(row?.target).toBe("r.example/app/web");
    expect(board.rows.map(({ retries }) => retries)).toEqual([1, 0]);
  });

  test("keeps a retry of nobody's work as a wait of the run", () => {
    const board = new Board();
    board.apply({
      type: "retry",
      method: "GET",
      url: "https://token.example/token",
      attempt: 1,
      delayMs: 100,
      why: "503",
      at: 5,
    });

    expect(board.wait).toEqual({ text: "token.example: 503", until: 105 });
  });
});

test("Board never has more sent than there is to send, whatever is reported", () => {
  fc.assert(
    fc.property(anyEvents, (events) => {
      const board = new Board();
      for (const event of events) {
        board.apply(event);
        for (const { sentBytes, totalBytes } of board.rows) expect(sentBytes).toBeLessThanOrEqual(totalBytes);
        for (const { blobs } of board.rows)
          for (const { sentBytes, sizeBytes } of blobs.values()) expect(sentBytes).toBeLessThanOrEqual(sizeBytes);
      }
    }),
    { numRuns: 1000 },
  );
});
