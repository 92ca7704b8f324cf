import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { digestOf } from "../spec/digest.ts";
import type { Perform } from "./run.ts";
import type { StageStep } from "./step.ts";
import { bounded, watch } from "./watchdog.ts";

const minute = 60_000;
const size = 128 * 1024 * 60;
const step: StageStep = {
  kind: "stage",
  id: "stage sha256:… a.example/app",
  at: { kind: "memory", name: "a" },
  after: [],
  content: { mediaType: "application/octet-stream", digest: digestOf(new Uint8Array()), size },
  role: "blob",
  from: [],
};

/** Goes on until it is told to stop. */
const endless: Perform = (_step, { signal }) =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));

describe("bounded", () => {
  test("ends a step after a quarter of an hour and what its size takes at 128 KiB/s", async () => {
    const clock = fakeClock();
    let ended = false;
    const running = bounded(endless, clock)(step, { signal: new AbortController().signal }).finally(
      () => (ended = true),
    );
    running.catch(() => undefined);
    await clock.advanceSlowly(16 * minute - 1, minute);
    expect(ended).toBe(false);
    await clock.advanceSlowly(2, 1);
    await expect(running).rejects.toMatchObject({ code: "timeout" });
    expect(clock.pending).toBe(0);
  });

  test("gives a step longer where it may be slower", async () => {
    const clock = fakeClock();
    let ended = false;
    const { signal } = new AbortController();
    const running = bounded(endless, clock, 1024)(step, { signal }).finally(() => (ended = true));
    running.catch(() => undefined);
    await clock.advanceSlowly(15 * minute + 128 * minute - 1, minute);
    expect(ended).toBe(false);
    await clock.advanceSlowly(2, 1);
    await expect(running).rejects.toMatchObject({ code: "timeout" });
  });
});

describe("watch", () => {
  test("aborts when nothing has moved for ten minutes, and names what is waited for", async () => {
    const clock = fakeClock();
    using dog = watch(endless, clock);
    const running = dog.perform(step, { signal: dog.signal });
    running.catch(() => undefined);
    clock.advance(10 * minute);
    await expect(running).rejects.toMatchObject({ code: "timeout" });
    expect((dog.signal.reason as Error).message).toContain(step.id);
  });

  test("does not abort as long as something moves", () => {
    const clock = fakeClock();
    using dog = watch(endless, clock);
    for (let round = 0; round < 10; round++) {
      clock.advance(9 * minute);
      dog.touch();
    }
    expect(dog.signal.aborted).toBe(false);
  });

  test("passes an abort on and leaves neither timer nor listener behind", () => {
    const clock = fakeClock();
    const parent = new AbortController();
    const dog = watch(endless, clock, parent.signal);
    parent.abort(new Error("stop"));
    expect(dog.signal.reason).toBe(parent.signal.reason);
    dog[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });
});
