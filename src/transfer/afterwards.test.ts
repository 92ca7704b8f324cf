import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { WaybillError } from "../errors.ts";
import { afterwards } from "./afterwards.ts";

const at = { kind: "registry", host: "registry.example", repository: "app" } as const;
const interruption = () => new WaybillError("cancelled", "Cannot go on: interrupted");

/** Asks a registry that never answers; `spentMs` is how long that took. */
function silence() {
  const clock = fakeClock();
  const run = new AbortController();
  const startedAt = clock.now();
  const state: { spentMs?: number; error?: unknown } = {};
  const begin = () =>
    void afterwards({ clock, signal: run.signal }, at, (signal) => unanswered(signal)).catch((error: unknown) => {
      Object.assign(state, { spentMs: clock.now() - startedAt, error });
    });
  return { clock, run, state, begin };
}

/** As the wire does: it says that it was cancelled, whatever for. */
function unanswered(signal: AbortSignal): Promise<never> {
  const cancelled = new WaybillError("cancelled", "Cannot finish HEAD: it was cancelled");
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(cancelled)));
}

describe("afterwards", () => {
  test.each([
    ["ten seconds after a failure", new WaybillError("unavailable", "Cannot push"), 10_000],
    ["ten seconds after the run's own time was over", new WaybillError("timeout", "Cannot finish in time"), 10_000],
    ["less than half a second after an interruption", interruption(), 400],
    ["less than half a second after a plain abort", undefined, 400],
    ["less than half a second after an abort for any reason of a caller", "enough", 400],
  ])("afterwards waits for %s", async (_what, reason, spentMs) => {
    const { clock, run, state, begin } = silence();
    run.abort(reason);
    begin();
    await clock.advanceSlowly(20_000, 100);
    expect(state).toMatchObject({ spentMs, error: { code: "timeout" } });
    expect(clock.pending).toBe(0);
  });

  test("afterwards waits no longer than that once an interruption comes", async () => {
    const { clock, run, state, begin } = silence();
    begin();
    await clock.advanceSlowly(3000, 100);
    run.abort(interruption());
    await clock.advanceSlowly(20_000, 100);
    expect(state).toMatchObject({ spentMs: 3400, error: { code: "timeout" } });
    expect(clock.pending).toBe(0);
  });

  test("afterwards goes on for its ten seconds when another target fails", async () => {
    const { clock, run, state, begin } = silence();
    begin();
    await clock.advanceSlowly(3000, 100);
    run.abort(new WaybillError("unavailable", "Cannot push"));
    await clock.advanceSlowly(20_000, 100);
    expect(state).toMatchObject({ spentMs: 10_000, error: { code: "timeout" } });
  });

  test("afterwards takes no more than 1.2 s for all that is to be done after an interruption", async () => {
    const clock = fakeClock();
    const run = new AbortController();
    run.abort(interruption());
    const startedAt = clock.now();
    const spent: number[] = [];
    const all = async () => {
      for (let count = 0; count < 6; count++) {
        await afterwards({ clock, signal: run.signal }, at, unanswered).catch(() => undefined);
        spent.push(clock.now() - startedAt);
      }
    };
    void all();
    await clock.advanceSlowly(3000, 10);
    expect(spent.slice(0, 3)).toEqual([400, 800, 1200]);
    expect(spent.at(-1)).toBeLessThan(1300);
  });

  test("afterwards keeps no timer for what is done soon after the interruption", async () => {
    const clock = fakeClock();
    const run = new AbortController();
    let finish: () => void = () => undefined;
    const working = afterwards(
      { clock, signal: run.signal },
      at,
      () => new Promise<void>((resolve) => (finish = resolve)),
    );
    run.abort(interruption());
    finish();
    await working;
    expect(clock.pending).toBe(0);
  });

  test("afterwards gives back what was done in time", async () => {
    const clock = fakeClock();
    const run = new AbortController();
    expect(await afterwards({ clock, signal: run.signal }, at, async () => "done")).toBe("done");
    run.abort(interruption());
    expect(clock.pending).toBe(0);
  });
});
