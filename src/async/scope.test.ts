import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { inScope, openScope, together } from "./scope.ts";

/** Ends when `signal` aborts, a few turns later, as work that has to clean up does. */
async function untilAborted(signal: AbortSignal, after: () => void): Promise<void> {
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  after();
  signal.throwIfAborted();
}

test("inScope gives back what its body returns when every child has ended", async () => {
  const log: string[] = [];
  const result = await inScope(async (scope) => {
    void scope.spawn(async () => {
      await Promise.resolve();
      log.push("child");
    });
    return "body";
  });
  expect([result, log]).toEqual(["body", ["child"]]);
});

test("inScope throws the first failure only after all siblings have ended", async () => {
  const log: string[] = [];
  const run = inScope(async (scope) => {
    void scope.spawn((signal) => untilAborted(signal, () => log.push("sibling ended")));
    void scope.spawn(async () => Promise.reject(new Error("first")));
  });
  await expect(run).rejects.toThrow("first");
  expect(log).toEqual(["sibling ended"]);
});

test("join waits for children that children start", async () => {
  const scope = openScope();
  let ended = false;
  void scope.spawn(async () => {
    await Promise.resolve();
    void scope.spawn(async () => {
      await Promise.resolve();
      ended = true;
    });
  });
  await scope.join();
  expect(ended).toBe(true);
});

test("openScope follows its parent's signal and leaves no listener behind when joined", async () => {
  const parent = new AbortController();
  const scope = openScope({ signal: parent.signal });
  expect(getEventListeners(parent.signal, "abort")).toHaveLength(1);
  let ended = false;
  void scope.spawn((signal) => untilAborted(signal, () => (ended = true)));

  parent.abort(new Error("from above"));

  await expect(scope.join()).rejects.toThrow("from above");
  expect(ended).toBe(true);
  expect(getEventListeners(parent.signal, "abort")).toHaveLength(0);
});

test("openScope is aborted from the start when its parent is", () => {
  expect(openScope({ signal: AbortSignal.abort() }).signal.aborted).toBe(true);
});

test("a scope aborts and awaits what still runs when its block is left", async () => {
  let ended = false;
  {
    await using scope = openScope();
    void scope.spawn((signal) => untilAborted(signal, () => (ended = true)));
  }
  expect(ended).toBe(true);
});

test("spawn turns a synchronous throw into the scope's failure", async () => {
  const scope = openScope();
  void scope.spawn(() => {
    throw new RangeError("sync");
  });
  await expect(scope.join()).rejects.toThrow("sync");
});

test("together throws the first failure when the others have been ended", async () => {
  const log: string[] = [];
  const work = together(["slow", "bad"], async (name, signal) => {
    if (name === "bad") throw new Error(name);
    await untilAborted(signal, () => log.push(`${name} ended`));
  });

  await expect(work).rejects.toThrow("bad");

  expect(log).toEqual(["slow ended"]);
});
