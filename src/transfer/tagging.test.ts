import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { bytesOf, pushImage } from "../../test/support/images.ts";
import { sleep } from "../async/clock.ts";
import { createMemoryStore } from "../content/memory.ts";
import type { Store } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { recordFrom } from "../spec/json.ts";
import { stepId, type CompareStep } from "./step.ts";
import { compareTags } from "./tagging.ts";

/** What comes of comparing a tag that names what it named before, but `misses` times seems to name nothing; and what it costs. */
async function compared(misses: number, before: "as it was" | "absent" = "as it was") {
  const store = createMemoryStore("target");
  const old = await pushImage(store, { layers: [bytesOf("old")], tags: ["1"] });
  const { descriptor: content } = await pushImage(store);
  let looks = 0;
  const target: Store = { ...store, tagged: async (tag) => (looks++ < misses ? undefined : store.tagged(tag)) };
  const at = store.location;
  const id = stepId("compare", content.digest, at);
  const named = recordFrom([["1", before === "absent" ? before : old.descriptor.digest]]);
  const step: CompareStep = { kind: "compare", id, after: [], at, content, tags: ["1"], before: named };
  const clock = fakeClock();
  const comparing = compareTags(step, target, { clock, signal: new AbortController().signal });
  const outcome = comparing.then(
    ({ toWrite }) => toWrite,
    (error: unknown) => error,
  );
  await clock.advanceSlowly(5000, 250);
  return { outcome: await outcome, looks };
}

test("compareTags asks no further when one tag cannot be asked for", async () => {
  const store = createMemoryStore("target");
  const { descriptor: content } = await pushImage(store);
  const clock = fakeClock();
  const target: Store = {
    ...store,
    async tagged(tag, { signal } = {}) {
      if (tag === "2") throw new WaybillError("not_a_registry", "Cannot read");
      await sleep(clock, 20_000, signal);
      return undefined;
    },
  };
  const at = store.location;
  const tags = ["1", "2"];
  const step: CompareStep = { kind: "compare", id: "compare", after: [], at, content, tags, before: recordFrom([]) };

  const comparing = compareTags(step, target, { clock, signal: new AbortController().signal });

  await expect(comparing).rejects.toMatchObject({ code: "not_a_registry" });
  expect(clock.pending).toBe(0);
});

test.each([1, 3])("compareTags gets over a tag that seems to name nothing %i times", async (misses) => {
  expect(await compared(misses)).toEqual({ outcome: ["1"], looks: misses + 1 });
});

test("compareTags believes after three seconds that a tag names nothing any more", async () => {
  const { outcome, looks } = await compared(Infinity);
  expect(outcome).toMatchObject({ code: "precondition_failed", message: expect.stringMatching(/, now nothing$/) });
  expect(looks).toBe(5);
});

test("compareTags asks once for a tag that named nothing", async () => {
  expect(await compared(Infinity, "absent")).toEqual({ outcome: ["1"], looks: 1 });
});
