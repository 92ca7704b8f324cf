import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { bytesOf } from "../../test/support/images.ts";
import { createMemoryStore } from "../content/memory.ts";
import type { Store } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
import { performOn, type PerformOptions } from "./perform.ts";
import { allWitnesses, nothingEarlier, type Witness } from "./recording.ts";
import type { StageStep } from "./step.ts";

/** Stages one blob to a target that takes it by `pushBlob`. */
function staging(pushBlob: (target: Store) => Store["pushBlob"], recording?: PerformOptions["recording"]) {
  const source = createMemoryStore("source");
  const content = source.addBlob(bytesOf("content"));
  const target = createMemoryStore("target");
  const own: Store = { ...target, pushBlob: pushBlob(target) };
  const events: WaybillEvent[] = [];
  const perform = performOn({
    open: async ({ kind, ...at }) => (kind === "memory" && "name" in at && at.name === "target" ? own : source),
    closure: { root: content.digest, nodes: new Map(), referrers: [], leftBehind: {} },
    clock: fakeClock(),
    report: (event) => events.push(event),
    lookedAt: 0,
    onTagged: () => undefined,
    onSent: () => undefined,
    ...(recording && { recording }),
  });
  const at = target.location;
  const step: StageStep = { kind: "stage", id: "a", at, after: [], content, role: "blob", from: [source.location] };
  return { content, events, run: () => perform(step, { signal: new AbortController().signal }) };
}

test("performOn tells why content failed in the words of the error, without its class", async () => {
  const { events, run } = staging(() => async () => {
    throw new WaybillError("too_large", "Cannot push blob: it is too large");
  });

  await expect(run()).rejects.toThrow("it is too large");

  expect(events.filter(({ type }) => type === "content-done")).toMatchObject([
    { outcome: "failed", error: { code: "too_large", message: "Cannot push blob: it is too large" } },
  ]);
});

test("performOn tells where content goes on when a store opens its body again", async () => {
  const { content, events, run } = staging((target) => async (blob, body) => {
    for (const offset of [0, 4, 0]) body(offset);
    return target.pushBlob(blob, body);
  });

  await run();

  expect(events.filter(({ type }) => type === "content-again")).toMatchObject([
    { id: `${content.digest} memory://target`, offsetBytes: 4 },
    { offsetBytes: 0 },
    { offsetBytes: 0 },
  ]);
});

test.each([
  ["nobody takes down where it stands", {}, false],
  ["somebody takes down where it stands", { session: () => undefined }, true],
])("performOn hands on whether an upload will be gone on with where %s", async (_what, own, isKept) => {
  const silent: Witness = { tagging: async () => undefined, tagged: () => undefined, end: async () => undefined };
  const recording = { ...allWitnesses([silent, { ...silent, ...own }]), earlier: nothingEarlier };
  const kept: boolean[] = [];
  const { run } = staging(
    (target) => async (blob, body, options) => {
      kept.push(options?.onSession !== undefined);
      return target.pushBlob(blob, body, options);
    },
    recording,
  );

  await run();

  expect(kept).toEqual([isKept]);
});
