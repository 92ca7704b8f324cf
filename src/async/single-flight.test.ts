import { expect, test } from "vitest";
import { singleFlight } from "./single-flight.ts";

function gate<V>() {
  let open: (value: V) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const promise = new Promise<V>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

test("singleFlight does the work once when two ask for the same key at the same time", async () => {
  const flight = singleFlight<string, number>();
  const { promise, open } = gate<number>();
  let started = 0;
  const work = () => {
    started += 1;
    return promise;
  };

  const both = Promise.all([flight("key", work), flight("key", work)]);
  open(7);

  expect(await both).toEqual([7, 7]);
  expect(started).toBe(1);
});

test("singleFlight starts anew when the earlier work has ended, also after a failure", async () => {
  const flight = singleFlight<string, number>();
  await expect(flight("key", async () => Promise.reject(new Error("first")))).rejects.toThrow("first");
  expect(await flight("key", async () => 2)).toBe(2);
  expect(await flight("key", async () => 3)).toBe(3);
});

test("singleFlight turns a synchronous throw into a rejection for everybody", async () => {
  const flight = singleFlight<string, number>();
  const broken = () => {
    throw new RangeError("sync");
  };
  await expect(flight("key", broken)).rejects.toThrow("sync");
});

test("singleFlight keeps working for the others when one caller leaves", async () => {
  const flight = singleFlight<string, number>();
  const { promise, open } = gate<number>();
  const impatient = new AbortController();
  const signals: AbortSignal[] = [];
  const work = (signal: AbortSignal) => {
    signals.push(signal);
    return promise;
  };

  const leaver = flight("key", work, { signal: impatient.signal });
  const stayer = flight("key", work);
  impatient.abort(new Error("bored"));

  await expect(leaver).rejects.toThrow("bored");
  expect(signals[0]?.aborted).toBe(false);
  open(1);
  expect(await stayer).toBe(1);
});

test("singleFlight cancels the work and waits for it when the last caller leaves", async () => {
  const flight = singleFlight<string, number>();
  const controller = new AbortController();
  let ended = false;
  const leaver = flight(
    "key",
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          ended = true;
          reject(new Error("work stopped"));
        });
      }),
    { signal: controller.signal },
  );

  controller.abort(new Error("enough"));

  await expect(leaver).rejects.toThrow("enough");
  expect(ended).toBe(true);
  expect(await flight("key", async () => 5)).toBe(5);
});

test("singleFlight starts nothing when the caller's signal has aborted already", async () => {
  const flight = singleFlight<string, number>();
  let started = false;
  const work = async () => {
    started = true;
    return 1;
  };
  await expect(flight("key", work, { signal: AbortSignal.abort(new Error("late")) })).rejects.toThrow("late");
  expect(started).toBe(false);
});
