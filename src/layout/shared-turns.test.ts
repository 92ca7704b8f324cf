import { expect, test } from "vitest";
import { createLanes } from "../async/lanes.ts";
import { sharedTurns, type Sharer } from "./shared-turns.ts";

const eventLoop = () => new Promise((resolve) => setImmediate(resolve));

/** Turns whose work takes what waits, and ends when told to. */
function turns() {
  const share = sharedTurns<string>();
  const queue = createLanes({ limit: 1 });
  const taken: (readonly Sharer<string>[])[] = [];
  const ends: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  const ask = (item: string, signal?: AbortSignal) =>
    share(item, queue, { signal }, (take) => {
      taken.push(take());
      return new Promise<void>((resolve, reject) => ends.push({ resolve, reject }));
    });
  return { share, queue, taken, ends, ask, items: () => taken.map((turn) => turn.map(({ item }) => item)) };
}

test("a turn is shared by all who have come while the one before it lasted", async () => {
  const { ask, ends, items, queue } = turns();
  const first = ask("a");
  await eventLoop();
  const others = ["b", "c"].map((item) => ask(item));
  ends[0]!.resolve();
  await first;
  await eventLoop();
  expect(items()).toEqual([["a"], ["b", "c"]]);

  ends[1]!.resolve();
  await Promise.all(others);

  expect(items()).toHaveLength(2);
  expect(queue.active).toBe(0);
});

test("who is refused fails alone, and a turn that fails does so for all who share it", async () => {
  const { ask, ends, taken } = turns();
  const all = ["a", "b", "c"].map((item) => ask(item).catch(String));
  await eventLoop();

  taken[0]![1]!.refuse(new Error("no b"));
  ends[0]!.reject(new Error("no turn"));

  expect(await Promise.all(all)).toEqual(["Error: no turn", "Error: no b", "Error: no turn"]);
});

test("who gives up is not taken, and once taken waits for the end of the turn", async () => {
  const { ask, ends, items } = turns();
  const [early, late] = [new AbortController(), new AbortController()];
  const first = ask("a");
  await eventLoop();
  const gone = ask("b", early.signal).catch(String);
  const all = [ask("c"), ask("d", late.signal)];
  early.abort("enough");
  expect(await gone).toBe("enough");
  ends[0]!.resolve();
  await first;
  await eventLoop();
  expect(items()).toEqual([["a"], ["c", "d"]]);
  let isOver = false;
  void all[1]!.then(() => (isOver = true));

  late.abort("too late");
  await eventLoop();
  expect(isOver).toBe(false);
  ends[1]!.resolve();

  await Promise.all(all);
  expect(isOver).toBe(true);
});

test("who fails before taking anybody fails alone, and the next one has the turn", async () => {
  const { share, queue, ask, ends, items } = turns();
  const failing = share("a", queue, {}, () => Promise.reject(new Error("no lock"))).catch(String);
  const next = ask("b");

  expect(await failing).toBe("Error: no lock");
  await eventLoop();
  ends[0]!.resolve();
  await next;

  expect(items()).toEqual([["b"]]);
});
