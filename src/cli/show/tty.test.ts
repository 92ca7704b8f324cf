import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { logFor } from "../../../test/support/log.ts";
import { anyEvents, script } from "../../../test/support/progress-script.ts";
import { terminalModel } from "../../../test/support/terminal-model.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { guarded } from "./show.ts";
import { ttyRenderer } from "./tty.ts";

/** A renderer before a terminal that keeps all that it was given. */
function opened({
  env = {},
  columns = 100,
  rows = 24,
  args = [],
}: { env?: Record<string, string>; columns?: number; rows?: number; args?: readonly string[] } = {}) {
  const clock = fakeClock(1000);
  const terminal = terminalModel(columns, rows);
  const size = { columns, rows };
  const resized = new Set<() => void>();
  let text = "";
  const output = {
    write: (chunk: string | Uint8Array) => {
      text += String(chunk);
      terminal.write(String(chunk));
    },
    isTTY: true,
    get columns() {
      return size.columns;
    },
    get rows() {
      return size.rows;
    },
    on: (_event: "resize", listener: () => void) => resized.add(listener),
    off: (_event: "resize", listener: () => void) => resized.delete(listener),
  };
  const log = logFor(args);
  let stoppedMs = 0;
  const seen = { ...clock, now: () => clock.now() + stoppedMs };
  const renderer = ttyRenderer({ output, clock: seen, env: { TERM: "xterm-256color", ...env }, log });
  // What it does not show is told by the log, above its picture.
  const show = guarded(renderer, { output, log });
  return {
    renderer,
    clock,
    terminal,
    resized,
    text: () => text,
    /** As by Ctrl-Z: time passes, and nobody calls us. Others write meanwhile. */
    stop: (forMs: number, written: string) => {
      stoppedMs += forMs;
      terminal.write(written);
    },
    resize: (newColumns: number, newRows: number) => {
      Object.assign(size, { columns: newColumns, rows: newRows });
      terminal.resize(newColumns, newRows);
      for (const listener of resized) listener();
    },
    /** Tells the events, each at its time. */
    play: (events: readonly WaybillEvent[]) => {
      for (const event of events) {
        clock.advance(Math.max(0, ("at" in event ? event.at : event.startedAt) - clock.now()));
        show.report(event);
      }
    },
  };
}

describe("ttyRenderer", () => {
  test("says what it does before any target is known", () => {
    const { clock, terminal } = opened();

    clock.advance(2500);

    expect(terminal.screen).toEqual([expect.stringMatching(/^. looking at sources and targets {2}2s$/)]);
  });

  test("draws ten times a second while nothing happens, and only what has changed", () => {
    const { renderer, clock, text, play } = opened();
    play(script.slice(0, 10));
    clock.advance(100);
    const before = text().length;

    clock.advance(1000);

    expect(clock.pending).toBe(1);
    expect(text().length - before).toBeLessThan(10 * 400);
    renderer.close();
  });

  test("leaves the last picture, warnings above it, and no timer when it is closed", () => {
    const { renderer, clock, terminal, resized, play } = opened();
    play(script);
    clock.advance(100);
    renderer.close();

    expect(terminal.screen).toEqual([
      "WARNING: this repository is \\x1b[31mold (two.example)",
      "✓ one.example/app  1 mounted  1.0  6.2s",
      "✗ two.example/app  Cannot push manifest: denied",
      "total  ━━━━━━━━━━━━━━━━━━━━  100%  4.00 / 4.00 MB  11s",
    ]);
    expect([clock.pending, resized.size]).toEqual([0, 0]);
  });

  test.each(["text", "json"])("is not torn by a log as %s, whose lines stand above it", (format) => {
    const { renderer, clock, terminal, play } = opened({
      columns: 300,
      rows: 60,
      args: ["--log-level", "trace", "--log-format", format],
    });
    play(script);
    clock.advance(100);
    renderer.close();

    const isLogged = (line: string) => /^(?:TRACE|DEBUG|INFO|WARNING|ERROR): |^\{"time":.*\}$/.test(line);
    const logged = terminal.screen.filter(isLogged);
    expect(logged.length).toBeGreaterThan(format === "json" ? 10 : 0);
    expect(terminal.screen.slice(0, logged.length)).toEqual(logged);
    expect(terminal.screen.slice(logged.length)).toEqual([
      "✓ one.example/app  1 mounted  1.0  6.2s",
      "✗ two.example/app  Cannot push manifest: denied",
      "total  ━━━━━━━━━━━━━━━━━━━━  100%  4.00 / 4.00 MB  11s",
    ]);
  });

  test("leaves warnings only when a summary follows", () => {
    const { renderer, terminal, play } = opened();
    play(script);
    renderer.clear?.();

    expect(terminal.screen).toEqual(["WARNING: this repository is \\x1b[31mold (two.example)"]);
  });

  test.each(["a frame", "a line of the log"])(
    "writes below what a shell has, where %s is first after a stop",
    (first) => {
      const { renderer, terminal, clock, play, stop } = opened();
      play(script.slice(0, 12));
      clock.advance(1000);
      const before = terminal.screen;

      stop(3000, "$ echo hello\nhello\n$ fg\n");
      if (first === "a frame") clock.advance(100);
      else renderer.above?.("WARNING: news\n");
      clock.advance(100);

      const shell = ["$ echo hello", "hello", "$ fg"];
      const news = first === "a frame" ? [] : ["WARNING: news"];
      const kept = [...before, ...shell, ...news];
      expect(terminal.screen.slice(0, kept.length)).toEqual(kept);
      expect(terminal.screen.at(-1)).toMatch(/^total {2}━/);
      expect(terminal.screen).toHaveLength(kept.length + before.length);
    },
  );

  test("draws at once for a new size, without debris of the old one", () => {
    const { terminal, clock, play, resize } = opened();
    play(script.slice(0, 12));
    clock.advance(1000);

    resize(40, 10);

    expect(terminal.screen).toEqual([
      expect.stringMatching(/^. one\.example\/app {2}waiting for 1 other$/),
      expect.stringMatching(/^. two\.example\/app {2}staging {2}20%/),
      "  bbbb…bbbb  ━╌╌╌╌╌╌╌  0.80 / 4.00 MB ↻",
      expect.stringMatching(/^total {2}━╌/),
    ]);
  });

  test("asks the terminal for whole frames unless it is too old to be asked", () => {
    const modern = opened();
    modern.clock.advance(100);
    const old = opened({ env: { TERM: "linux" } });
    old.clock.advance(100);

    expect(modern.text()).toContain("\u001b[?2026h");
    expect(old.text()).not.toContain("\u001b[?2026h");
  });

  test("stands still when the terminal fails, and does not fail itself", () => {
    const clock = fakeClock(1000);
    const output = {
      write() {
        throw new Error("EIO");
      },
    };
    ttyRenderer({ output, clock, env: {}, log: logFor() });

    clock.advance(1000);

    expect(clock.pending).toBe(0);
  });
});

// Widths below 4 leave no room for a sign and a name.
const sizes = fc.record({ columns: fc.integer({ min: 4, max: 200 }), rows: fc.integer({ min: 2, max: 40 }) });
// oxlint-disable-next-line no-control-regex -- what a screen is drawn with
const ours = /\n|\u001b\[(?:\?2026[hl]|\d*[ABGJK]|[0-9;]*m)/g;

test("ttyRenderer writes no control of others, whatever is reported", () => {
  fc.assert(
    fc.property(anyEvents, sizes, sizes, (events, first, second) => {
      const { play, resize, text, renderer, clock } = opened(first);
      play(events.slice(0, events.length / 2));
      resize(second.columns, second.rows);
      play(events.slice(events.length / 2));
      clock.advance(100);
      renderer.close();
      expect(text().replace(ours, "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }),
  );
});
