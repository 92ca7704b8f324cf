import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyEvents, script } from "../../../test/support/progress-script.ts";
import { widthOf } from "../../spec/display.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { Board } from "./board.ts";
import { paint, type View } from "./paint.ts";
import { stylesFor } from "./styles.ts";

const plain = stylesFor(false);

function painted(events: readonly WaybillEvent[], view: Partial<View> = {}): readonly string[] {
  const board = new Board();
  for (const event of events) board.apply(event);
  return paint(board, { columns: 100, rows: 24, now: 3100, startedAt: 1000, styles: plain, ...view });
}

/** `count` targets of one registry or of as many, each with blobs that are half sent. */
function crowd(count: number, blobs: number, host: (at: number) => string): WaybillEvent[] {
  return Array.from({ length: count }, (_, at) => {
    const target = `${host(at)}/app${at}`;
    return [
      { type: "work-started" as const, id: target, name: `pushing ${target}`, target, at: 1000 },
      ...Array.from({ length: blobs }, (_, blob) => {
        const id = `${target} ${blob}`;
        const digest = `sha256:${String(blob).padStart(64, "0")}`;
        return [
          { type: "content-started" as const, id, digest, mediaType: "x/y", sizeBytes: 2_000_000, target, at: 1000 },
          { type: "content-progress" as const, id, bytes: 1_000_000, at: 2000 },
        ];
      }).flat(),
    ];
  }).flat();
}

describe("paint", () => {
  test("shows a block for each target while they run, with the blobs in flight and what is waited for", () => {
    expect(painted(script.slice(0, 11), { now: 2600 })).toEqual([
      "⠦ one.example/app  waiting for 1 other  1 mounted  1s",
      "⠦ two.example/app  staging  1.00 / 4.00 MB  833 kB/s  4s left  1 retry  1s",
      "  ↻ again in 1s: 503",
      "  bbbb…bbbb  ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  1.00 / 4.00 MB  833 kB/s   4s left",
      "total  ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  25%  1.00 / 4.00 MB  833 kB/s  4s left  1s",
    ]);
  });

  test("marks where a blob goes on", () => {
    expect(painted(script.slice(0, 12))[2]).toBe(
      "  bbbb…bbbb  ━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  0.80 / 4.00 MB  588 kB/s   6s left  ↻ resumed at 800 kB",
    );
  });

  test("says what a registry is slowed to, and until when nothing is sent to it", () => {
    const origin = "https://two.example";
    const load = { type: "load", registry: "two.example", origin, concurrency: 16, perSecond: 9.5, at: 2500 } as const;
    const limited = [...script.slice(0, 12), load, { ...load, waitMs: 3000, why: "HTTP 429", at: 2600 }];

    expect(painted(limited, { now: 3100 }).slice(1, 3)).toEqual([
      "⠙ two.example/app  staging  0.80 / 4.00 MB  588 kB/s  6s left  1 retry  at most 16 at a time, 9.5/s",
      "  ‖ next in 3s: HTTP 429",
    ]);
    expect(painted(limited, { now: 3100, columns: 80 })[1]).toContain("1 retry  slowed");
    expect(painted(limited, { now: 5700 })[2]).toContain("bbbb");
    expect(painted([...limited, { ...load, concurrency: 40, perSecond: undefined }])[1]).not.toContain("at most");
  });

  test("says it once for a registry with several targets, and of whose origin it speaks", () => {
    const events = crowd(2, 1, () => "one.example");
    const origin = "https://token.example";
    const load = { type: "load", registry: "one.example", origin, concurrency: 8, waitMs: 5000, at: 3000 } as const;

    const lines = painted([...events, load]);

    expect(lines[0]).toContain("at most 8 at a time");
    expect(lines[1]).toBe("  ‖ next in 5s: https://token.example: it asks for it");
    expect(lines.join("").match(/at most/g)).toHaveLength(1);
  });

  test("shows what became of each target in a line", () => {
    expect(painted(script, { now: 12_000 })).toEqual([
      "✓ one.example/app  1 mounted  1.0  6.2s",
      "✗ two.example/app  Cannot push manifest: denied",
      "total  ━━━━━━━━━━━━━━━━━━━━  100%  4.00 / 4.00 MB  11s",
    ]);
  });

  test("puts repositories of one registry into its block, and folds it when all are done", () => {
    const events = crowd(2, 0, () => "one.example");
    const done = (id: string): WaybillEvent => ({ type: "work-done", id, at: 3000 });

    expect(painted([...events, done("one.example/app0")])).toEqual([
      "⠙ one.example  1 of 2 done",
      "  ✓ app0       2.0s",
      "  ⠙ app1       staging  2s",
      "total  2s",
    ]);
    expect(painted([...events, done("one.example/app0"), done("one.example/app1")])).toEqual([
      "✓ one.example  2 repositories  0 tags  2.0s",
      "total  2s",
    ]);
  });

  test("says what was held back, and what failed of a registry", () => {
    const events = crowd(2, 0, () => "one.example");
    const held: WaybillEvent = {
      type: "work-done",
      id: "one.example/app0",
      error: { code: "cancelled", message: "Cancelled: another target failed" },
      at: 3000,
    };
    const failed: WaybillEvent = {
      type: "work-done",
      id: "one.example/app1",
      error: {
        code: "auth_denied",
        message: `publish sha256:${"0".repeat(64)} to one.example/app1:1: Cannot push: 403`,
      },
      reason: "Cannot push: 403",
      at: 3000,
    };

    expect(painted([...crowd(1, 0, () => "one.example"), held])[0]).toBe(
      "– one.example/app0  Cancelled: another target failed",
    );
    expect(painted([...events, failed])[2]).toBe("  ✗ app1       Cannot push: 403");
    expect(painted([...events, held, failed])[0]).toBe("✗ one.example  1 of 2 failed: Cannot push: 403");
  });

  test("counts the blobs that have no room, the same for every target", () => {
    expect(
      painted(
        crowd(2, 20, (at) => `r${at}.example`),
        { rows: 12, columns: 60 },
      ),
    ).toEqual([
      "⠙ r0.example/app0  staging  20.0 / 40.0 MB  2s left",
      "  0000…0000  ━━━━━━━╌╌╌╌╌╌╌  1.00 / 2.00 MB  2s left",
      "  0000…0001  ━━━━━━━╌╌╌╌╌╌╌  1.00 / 2.00 MB  2s left",
      "  0000…0002  ━━━━━━━╌╌╌╌╌╌╌  1.00 / 2.00 MB  2s left",
      "  +17 more in flight",
      "⠙ r1.example/app1  staging  20.0 / 40.0 MB  2s left",
      "  0000…0000  ━━━━━━━╌╌╌╌╌╌╌  1.00 / 2.00 MB  2s left",
      "  0000…0001  ━━━━━━━╌╌╌╌╌╌╌  1.00 / 2.00 MB  2s left",
      "  0000…0002  ━━━━━━━╌╌╌╌╌╌╌  1.00 / 2.00 MB  2s left",
      "  +17 more in flight",
      "total  ━━━━━━━╌╌╌╌╌╌╌  50%  36.4 MB/s  2s left",
    ]);
  });

  test("counts registries that have no room, those that are done first", () => {
    const events = crowd(8, 0, (at) => `r${at}.example`);
    const done: WaybillEvent = { type: "work-done", id: "r0.example/app0", at: 3000 };

    expect(painted([...events, done], { rows: 5 })).toEqual([
      "⠙ r1.example/app1  staging  2s",
      "⠙ r2.example/app2  staging  2s",
      "+6 more registries",
      "total  2s",
    ]);
  });

  test("shows no row for a blob that is over at once", () => {
    expect(painted(script.slice(0, 10), { now: 1450 })).toHaveLength(3);
  });

  test("keeps two registries apart on a narrow terminal", () => {
    const names = painted(
      crowd(2, 0, (at) => `127.0.0.1:560${at}`),
      { columns: 40 },
    );

    expect(names.slice(0, 2)).toEqual(["⠙ 127.0.0.1:5600/app0  staging  2s", "⠙ 127.0.0.1:5601/app1  staging  2s"]);
  });
});

const sizes = fc.record({ columns: fc.integer({ min: 4, max: 200 }), rows: fc.integer({ min: 2, max: 40 }) });

test("paint keeps within the terminal and shows no raw control, whatever is reported", () => {
  fc.assert(
    fc.property(anyEvents, sizes, fc.nat(100_000), (events, size, later) => {
      const lines = painted(events, { ...size, now: 1000 + later });
      expect(lines.length).toBeLessThan(size.rows);
      for (const line of lines) {
        expect(widthOf(line)).toBeLessThan(size.columns);
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }
    }),
    { numRuns: 500 },
  );
});
