import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { digestOf } from "../spec/digest.ts";
import type { Perform } from "./run.ts";
import type { StageStep } from "./step.ts";
import { watch, type WatchOptions } from "./watchdog.ts";

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

/** Endless steps, performed under watch. `touch` is what keeps the run from looking stalled. */
function watching(options: Partial<WatchOptions> = {}) {
  const clock = fakeClock();
  const dog = watch({ clock, ...options });
  const watched = dog.watched(endless);
  const givenUp: string[] = [];
  return {
    clock,
    dog,
    givenUp,
    begin: (begun: StageStep = step) => {
      const giveUp = (error: Error) => void givenUp.push(error.message);
      const running = watched(begun, { signal: dog.signal, giveUp });
      running.catch(() => undefined);
      return running;
    },
    /** So much time goes by, and something moves in each minute of it. */
    pass: (minutes: number) => {
      for (let passed = 0; passed < minutes; passed++) {
        dog.touch();
        clock.advance(minute);
      }
    },
  };
}

describe("a watched step", () => {
  const large = { ...step, id: "stage large", content: { ...step.content, size: 2 * size } };

  test("is given up after a quarter of an hour and what its size takes at 128 KiB/s, once", () => {
    const { begin, pass, givenUp, clock } = watching();
    void begin();
    pass(15);
    clock.advance(minute - 1);
    expect(givenUp).toEqual([]);
    clock.advance(1);
    expect(givenUp).toEqual(["Cannot finish stage sha256:… a.example/app: it was not done after 960 s"]);
    pass(30);
    expect(givenUp).toHaveLength(1);
  });

  test("gets longer where it may be slower", () => {
    const { begin, pass, givenUp } = watching({ leastBytesPerSecond: 1024 });
    void begin();
    pass(15 + 127);
    expect(givenUp).toEqual([]);
    pass(1);
    expect(givenUp).toHaveLength(1);
  });

  test("has a time of its own, whichever began first and ends first", () => {
    const { begin, pass, givenUp } = watching();
    void begin(large);
    pass(1);
    void begin({ ...step, id: "stage first to be over" });
    pass(1);
    void begin({ ...step, id: "stage second" });
    pass(14);
    expect(givenUp).toEqual([]);
    pass(1);
    expect(givenUp.map((message) => message.split(":")[0])).toEqual([
      "Cannot finish stage large",
      "Cannot finish stage first to be over",
    ]);
    pass(1);
    expect(givenUp).toHaveLength(3);
  });

  test("is not given up once it is over", async () => {
    const { dog, pass } = watching();
    const givenUp: Error[] = [];
    await dog.watched(async () => "sent")(step, { signal: dog.signal, giveUp: (error) => void givenUp.push(error) });
    pass(20);
    expect(givenUp).toEqual([]);
  });
});

describe("watch", () => {
  test("aborts when nothing has moved for ten minutes, and names what is waited for", async () => {
    const { clock, dog, begin } = watching();
    const running = begin();
    clock.advance(10 * minute);
    await expect(running).rejects.toMatchObject({ code: "timeout" });
    expect((dog.signal.reason as Error).message).toContain(step.id);
  });

  test("counts the end of a step as something that moves", async () => {
    const clock = fakeClock();
    using dog = watch({ clock });
    clock.advance(9 * minute);
    await dog.watched(async () => "sent")(step, { signal: dog.signal });
    clock.advance(9 * minute);
    expect(dog.signal.aborted).toBe(false);
    clock.advance(minute);
    expect(dog.signal.aborted).toBe(true);
  });

  test("does not abort as long as something moves", () => {
    const clock = fakeClock();
    using dog = watch({ clock });
    for (let round = 0; round < 10; round++) {
      clock.advance(9 * minute);
      dog.touch();
    }
    expect(dog.signal.aborted).toBe(false);
  });

  test("passes an abort on and leaves neither timer nor listener behind", () => {
    const clock = fakeClock();
    const parent = new AbortController();
    const dog = watch({ clock, signal: parent.signal });
    parent.abort(new Error("stop"));
    expect(dog.signal.reason).toBe(parent.signal.reason);
    dog[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });
});
