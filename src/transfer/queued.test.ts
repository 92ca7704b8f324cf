import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { onAbort } from "../async/on-abort.ts";
import { digestOf } from "../spec/digest.ts";
import type { Perform } from "./run.ts";
import type { StageStep } from "./step.ts";
import { queued, type QueueOptions } from "./queued.ts";
import { watch } from "./watchdog.ts";

const minute = 60_000;
const content = { mediaType: "application/octet-stream", digest: digestOf(new Uint8Array()), size: 0 };
const call = { signal: new AbortController().signal };

function stage(id: string, place: string, role: StageStep["role"] = "blob"): StageStep {
  return { kind: "stage", id, at: { kind: "memory", name: place }, after: [], content, role, from: [] };
}

/** Steps end when told to. */
function held() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const perform: Perform = (step, { signal }) =>
    new Promise((resolve, reject) => {
      begun.push(step.id);
      ends.set(step.id, () => resolve("sent"));
      onAbort(signal, () => reject(signal.reason as Error));
    });
  return { begun, ends, perform };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("queued", () => {
  test("lets so many blobs begin at each target, and manifests at any time", async () => {
    const { begun, ends, perform } = held();
    const started = queued(perform, { blobsInFlight: 2 });
    for (const id of ["a", "b", "c"]) void started(stage(id, "left"), call);
    void started(stage("d", "right"), call);
    void started(stage("e", "left", "manifest"), call);
    await turn();
    expect(begun.toSorted()).toEqual(["a", "b", "d", "e"]);
    ends.get("a")?.();
    await turn();
    expect(begun.at(-1)).toBe("c");
  });

  test("does not count waiting for a turn as time that a step takes", async () => {
    const clock = fakeClock();
    const { begun, ends, perform } = held();
    using dog = watch({ clock });
    const givenUp: Error[] = [];
    const told = { ...call, giveUp: (error: Error) => void givenUp.push(error) };
    const started = queued(dog.watched(perform), { blobsInFlight: 1 });
    void started(stage("a", "left"), told);
    const second = started(stage("b", "left"), told);
    const pass = async (minutes: number) => {
      for (let passed = 0; passed < minutes; passed++) {
        dog.touch();
        await clock.advanceSlowly(minute, minute);
      }
    };
    await pass(14);
    ends.get("a")?.();
    await pass(14);
    expect(begun).toEqual(["a", "b"]);
    expect(givenUp).toEqual([]);
    ends.get("b")?.();
    expect(await second).toBe("sent");
  });

  /** Begins `count` blobs; `end` ends the first so many of those that have begun and are not over. */
  function many(count: number, options: QueueOptions) {
    const { begun, ends, perform } = held();
    const started = queued(perform, options);
    for (let at = 0; at < count; at++) void started(stage(`${at}`, "left"), call);
    let ended = 0;
    const end = async (ending: number) => {
      for (const id of begun.slice(ended, ended + ending)) ends.get(id)?.();
      ended += ending;
      await turn();
      return begun.length - ended;
    };
    return { inFlight: () => end(0), end };
  }

  test("lets as many begin as there may be, or thirty-two while we are busy ourselves", async () => {
    expect(await many(200, { blobsInFlight: 50 }).inFlight()).toBe(50);
    expect(await many(200, { blobsInFlight: 50, ownLoad: () => 0.9 }).inFlight()).toBe(32);
    expect(await many(200, { blobsInFlight: 10, ownLoad: () => 0.9 }).inFlight()).toBe(10);
  });

  test("goes by how busy we are at the moment", async () => {
    let load = 0.9;
    const { inFlight, end } = many(400, { ownLoad: () => load });
    expect(await inFlight()).toBe(32);
    expect(await end(10)).toBe(32);
    load = 0.5;
    expect(await end(10)).toBe(64);
    load = 0.9;
    expect(await end(10)).toBe(54);
    expect(await end(40)).toBe(32);
  });
});
