import { getEventListeners } from "node:events";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createLanes } from "./lanes.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("acquire waits in order when all slots are held", async () => {
  const lanes = createLanes({ limit: 1 });
  const order: string[] = [];
  const first = await lanes.acquire();
  const second = lanes.acquire().then((release) => (order.push("second"), release));
  const third = lanes.acquire().then((release) => (order.push("third"), release));
  expect(lanes.waiting).toBe(2);

  first();
  (await second)();
  (await third)();

  expect(order).toEqual(["second", "third"]);
  expect(lanes.active).toBe(0);
});

test("acquireNow takes a free slot and nothing else: it neither waits nor goes before those who do", async () => {
  const lanes = createLanes({ limit: 1, reserved: 1 });
  const release = lanes.acquireNow();
  const next = lanes.acquire();
  expect(lanes.acquireNow()).toBeUndefined();
  expect([lanes.active, lanes.waiting]).toEqual([1, 1]);

  const urgent = lanes.acquireNow({ urgent: true });
  expect(lanes.acquireNow({ urgent: true })).toBeUndefined();
  urgent?.();
  release?.();
  (await next)();

  expect([lanes.active, lanes.waiting]).toEqual([0, 0]);
});

test("acquire lets urgent work in when ordinary work holds every ordinary slot", async () => {
  const lanes = createLanes({ limit: 1, reserved: 1 });
  await lanes.acquire();
  let ordinaryIn = false;
  void lanes.acquire().then(() => (ordinaryIn = true));

  const release = await lanes.acquire({ urgent: true });
  release();
  await turn();

  expect(ordinaryIn).toBe(false);
});

test("a release called twice frees one slot only", async () => {
  const lanes = createLanes({ limit: 2 });
  const release = await lanes.acquire();
  await lanes.acquire();
  release();
  release();
  expect(lanes.active).toBe(1);
});

test("acquire gives up its place and its listener when the signal aborts", async () => {
  const lanes = createLanes({ limit: 1 });
  const release = await lanes.acquire();
  const controller = new AbortController();
  const waiting = lanes.acquire({ signal: controller.signal });

  controller.abort(new Error("enough"));

  await expect(waiting).rejects.toThrow("enough");
  expect(lanes.waiting).toBe(0);
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  release();
  expect(lanes.active).toBe(0);
});

test("a higher limit admits waiters at once, a lower one admits nobody until enough have left", async () => {
  const lanes = createLanes({ limit: 1 });
  const releases = [await lanes.acquire()];
  const waiting = [lanes.acquire(), lanes.acquire()];
  lanes.limit = 3;
  releases.push(...(await Promise.all(waiting)));
  lanes.limit = 1;
  let admitted = false;
  void lanes.acquire().then(() => (admitted = true));

  releases[0]?.();
  releases[1]?.();
  await turn();
  expect(admitted).toBe(false);
  releases[2]?.();
  await turn();
  expect(admitted).toBe(true);
});

test("lanes never hold more than their slots and lose none, for any order of asking, leaving and aborting", async () => {
  const action = fc.constantFrom("ask", "ask urgently", "leave", "abort");
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const lanes = createLanes({ limit: 2, reserved: 1 });
      const held: (() => void)[] = [];
      const askers: AbortController[] = [];
      for (const next of actions) {
        if (next === "leave") held.shift()?.();
        else if (next === "abort") askers.shift()?.abort();
        else {
          const controller = new AbortController();
          askers.push(controller);
          lanes.acquire({ urgent: next === "ask urgently", signal: controller.signal }).then(
            (release) => held.push(release),
            () => undefined,
          );
        }
        await Promise.resolve();
        expect(lanes.active).toBeLessThanOrEqual(3);
      }
      for (const controller of askers) controller.abort();
      await turn();
      for (const release of held) release();
      expect([lanes.active, lanes.waiting]).toEqual([0, 0]);
    }),
  );
});
