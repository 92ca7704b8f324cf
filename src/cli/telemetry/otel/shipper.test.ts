import { expect, test } from "vitest";
import type { Delivery } from "./outlet.ts";
import { Shipper } from "./shipper.ts";

const batch = { delayMs: 60_000, timeoutMs: 1000, queueSize: 10, batchSize: 5 };

interface Numbers {
  readonly count: number;
  readonly all: readonly number[];
}

const pack = (all: readonly number[]): Numbers => ({ count: all.length, all });

function shipper(deliveries: readonly (Delivery | Promise<Delivery>)[], limits: Partial<typeof batch> = {}) {
  const sent: number[][] = [];
  const problems: string[] = [];
  const state = { closed: 0, dropped: 0 };
  const outlet = {
    send: async (batch: readonly Numbers[]) => {
      sent.push(batch.flatMap(({ all }) => all));
      return (await deliveries[sent.length - 1]) ?? { delivered: true };
    },
    hurry: () => undefined,
    close: () => void (state.closed += 1),
  };
  const made = new Shipper({
    outlet,
    pack,
    batch: { ...batch, ...limits },
    onProblem: (what) => problems.push(what),
    onDrop: (count) => (state.dropped += count),
    onChange: () => undefined,
  });
  return { shipper: made, sent, problems, state };
}

test("Shipper sends whole batches, and the rest at the end", async () => {
  const { shipper: one, sent, state } = shipper([]);
  for (let at = 0; at < 7; at += 1) one.add(at);
  await one.finish(0);
  expect(sent).toEqual([
    [0, 1, 2, 3, 4],
    [5, 6],
  ]);
  expect([one.sent, one.dropped, state.closed]).toEqual([7, 0, 1]);
});

test("Shipper lets the oldest go when there is no room, and counts them", async () => {
  let answer: (delivery: Delivery) => void = () => undefined;
  const { shipper: one, sent } = shipper([new Promise((resolve) => (answer = resolve))]);
  for (let at = 0; at < 20; at += 1) one.add(at);
  // Two at a time, as they were packed.
  expect(one.dropped).toBe(6);
  answer({ delivered: true });
  await one.finish(0);
  expect(sent.flat()).toEqual([0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
});

test("Shipper loses nothing of what waits for room", async () => {
  const { shipper: one, sent } = shipper([]);
  for (let at = 0; at < 500; at += 1) {
    await one.room();
    one.add(at);
  }
  await one.finish(0);
  expect(sent.flat()).toEqual(Array.from({ length: 500 }, (_, at) => at));
  expect(one.dropped).toBe(0);
});

test("Shipper has room at once when waiting for it has become useless", async () => {
  const { shipper: pressed } = shipper([new Promise(() => undefined)]);
  for (let at = 0; at < 15; at += 1) pressed.add(at);
  const waiting = pressed.room();
  pressed.press();
  await waiting;
  await pressed.room();

  const { shipper: failing } = shipper([{ delivered: false }, new Promise(() => undefined)]);
  for (let at = 0; at < 15; at += 1) failing.add(at);
  await failing.room();
  expect([failing.fare.lastFailed, failing.dropped]).toEqual([true, 5]);
});

test("Shipper sends no more at once than a batch, however they are packed", async () => {
  const { shipper: one, sent } = shipper([], { batchSize: 100, queueSize: 300 });
  for (let at = 0; at < 250; at += 1) one.add(at);
  await one.finish(0);
  expect(Math.max(...sent.map((batch) => batch.length))).toBeLessThanOrEqual(100);
  expect(sent.flat()).toEqual(Array.from({ length: 250 }, (_, at) => at));
  expect([one.sent, one.dropped]).toEqual([250, 0]);
});

test("Shipper keeps what was added when there was least room", async () => {
  let answer: (delivery: Delivery) => void = () => undefined;
  const late = new Promise<Delivery>((resolve) => (answer = resolve));
  const { shipper: one, sent } = shipper([late], { batchSize: 40, queueSize: 50 });
  for (let at = 0; at < 500; at += 1) one.add(at);
  answer({ delivered: true });
  await one.finish(0);
  expect(sent.flat().at(-1)).toBe(499);
  expect(sent.flat().length + one.dropped).toBe(500);
  // What was under way, and all that there is room for but a part.
  expect(sent.flat().length).toBeGreaterThan(40 + 40);
});

test("Shipper goes on behind items that cannot be packed, and counts them", async () => {
  const sent: (readonly number[])[] = [];
  const problems: string[] = [];
  const outlet = {
    send: async (all: readonly Numbers[]) => (sent.push(...all.map((one) => one.all)), { delivered: true }),
    hurry: () => undefined,
    close: () => undefined,
  };
  const failing = (all: readonly number[]) => {
    if (all.includes(2)) throw new Error("two");
    return pack(all);
  };
  const onProblem = (what: string) => problems.push(what);
  const one: Shipper<number, Numbers> = new Shipper({
    outlet,
    pack: failing,
    batch,
    onProblem,
    onDrop: () => undefined,
    onChange: () => undefined,
  });
  for (let at = 0; at < 8; at += 1) one.add(at);
  await one.finish(0);
  expect(sent.flat()).toEqual([0, 1, 4, 5, 6, 7]);
  expect([one.sent, one.dropped, problems]).toEqual([6, 2, ["a batch could not be made: Error: two"]]);
});

test("Shipper tries no more at the end when a batch did not arrive", async () => {
  const { shipper: one, sent, problems, state } = shipper([{ delivered: false, problem: "refused" }]);
  for (let at = 0; at < 9; at += 1) one.add(at);
  await one.finish(0);
  expect([sent.length, one.sent, one.dropped, one.fare.lastFailed, problems]).toEqual([1, 0, 9, true, ["refused"]]);
  expect(state.dropped).toBe(9);
});

test("Shipper has failed, and says why, as soon as something has to be sent again", async () => {
  const told: (string | undefined)[] = [];
  let arrive: (delivery: Delivery) => void = () => undefined;
  const outlet = {
    send: (_batch: readonly Numbers[], onTrouble: (why: string) => void) => {
      onTrouble("refused");
      return new Promise<Delivery>((resolve) => (arrive = resolve));
    },
    hurry: () => undefined,
    close: () => undefined,
  };
  const options = { outlet, pack, batch, onProblem: (what: string) => told.push(what), onDrop: () => undefined };
  const one: Shipper<number, Numbers> = new Shipper({ ...options, onChange: () => told.push(one.fare.trouble) });
  expect(one.fare.hasTried).toBe(false);
  for (let at = 0; at < 5; at += 1) one.add(at);
  expect([one.fare.lastFailed, one.fare.hasTried, told]).toEqual([true, true, ["refused"]]);
  arrive({ delivered: true });
  await one.finish(0);
  expect([one.fare.lastFailed, one.sent, told]).toEqual([false, 5, ["refused", undefined]]);
});

test("Shipper counts what the other side did not take", async () => {
  const { shipper: one } = shipper([{ delivered: true, rejected: 2, problem: "in part" }]);
  for (let at = 0; at < 5; at += 1) one.add(at);
  await one.finish(0);
  expect([one.sent, one.dropped, one.fare.lastFailed]).toEqual([3, 2, false]);
});
