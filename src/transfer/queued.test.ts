import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { digestOf } from "../spec/digest.ts";
import type { Perform } from "./run.ts";
import type { StageStep } from "./step.ts";
import { queued } from "./queued.ts";
import { bounded } from "./watchdog.ts";

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
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
  return { begun, ends, perform };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("queued", () => {
  test("lets so many blobs begin at each target, and manifests at any time", async () => {
    const { begun, ends, perform } = held();
    const started = queued(perform, 2);
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
    const started = queued(bounded(perform, clock), 1);
    void started(stage("a", "left"), call);
    const second = started(stage("b", "left"), call);
    await clock.advanceSlowly(14 * minute, minute);
    ends.get("a")?.();
    await clock.advanceSlowly(14 * minute, minute);
    expect(begun).toEqual(["a", "b"]);
    ends.get("b")?.();
    expect(await second).toBe("sent");
  });
});
