import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { createQueue } from "./queue.ts";

describe("createQueue", () => {
  test("lets urgent ones go first, and the others in the order in which they came", async () => {
    const queue = createQueue<string>();
    const turns = [queue.wait(), queue.wait(), queue.wait({ urgent: true })];
    for (const turn of ["first", "second", "third"]) queue.admit(turn);
    expect(await Promise.all(turns)).toEqual(["second", "third", "first"]);
    expect([queue.size, queue.admit("nobody")]).toEqual([0, false]);
  });

  test("forgets whoever gives up, tells so, and keeps no listener", async () => {
    const controller = new AbortController();
    let left = 0;
    const queue = createQueue<void>(() => (left += 1));
    const waiting = queue.wait({ signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(queue.wait({ signal: controller.signal })).rejects.toThrow("enough");
    expect([queue.size, left, getEventListeners(controller.signal, "abort").length]).toEqual([0, 1, 0]);
  });

  test("refuses all who wait, and nobody who comes later", async () => {
    const { signal } = new AbortController();
    const queue = createQueue<void>();
    const waiting = Promise.allSettled([queue.wait({ signal }), queue.wait({ urgent: true })]);
    const reason = new Error("no");
    queue.refuseAll(reason);
    const later = queue.wait();
    expect(await waiting).toEqual([
      { status: "rejected", reason },
      { status: "rejected", reason },
    ]);
    expect([queue.size, getEventListeners(signal, "abort").length]).toEqual([1, 0]);
    queue.admit();
    await later;
  });
});
