import { expect, test } from "vitest";
import type { Delivery } from "./outlet.ts";
import { Shipper } from "./shipper.ts";

const batch = { delayMs: 60_000, timeoutMs: 1000, queueSize: 10, batchSize: 5 };

function shipper(deliveries: readonly (Delivery | Promise<Delivery>)[]) {
  const sent: number[][] = [];
  const problems: string[] = [];
  const state = { closed: 0, dropped: 0 };
  const outlet = {
    send: async (items: number[]) => (sent.push(items), (await deliveries[sent.length - 1]) ?? { delivered: true }),
    hurry: () => undefined,
    close: () => void (state.closed += 1),
  };
  const made = new Shipper<number>({
    outlet,
    batch,
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
  expect(one.dropped).toBe(5);
  answer({ delivered: true });
  await one.finish(0);
  expect(sent.flat()).toEqual([0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
});

test("Shipper tries no more at the end when a batch did not arrive", async () => {
  const { shipper: one, sent, problems, state } = shipper([{ delivered: false, problem: "refused" }]);
  for (let at = 0; at < 9; at += 1) one.add(at);
  await one.finish(0);
  expect([sent.length, one.sent, one.dropped, one.lastFailed, problems]).toEqual([1, 0, 9, true, ["refused"]]);
  expect(state.dropped).toBe(9);
});

test("Shipper has failed, and says why, as soon as something has to be sent again", async () => {
  const told: (string | undefined)[] = [];
  let arrive: (delivery: Delivery) => void = () => undefined;
  const outlet = {
    send: (_items: number[], onTrouble: (why: string) => void) => {
      onTrouble("refused");
      return new Promise<Delivery>((resolve) => (arrive = resolve));
    },
    hurry: () => undefined,
    close: () => undefined,
  };
  const options = { outlet, batch, onProblem: (what: string) => told.push(what), onDrop: () => undefined };
  const one = new Shipper<number>({ ...options, onChange: () => told.push(one.trouble) });
  expect(one.hasTried).toBe(false);
  for (let at = 0; at < 5; at += 1) one.add(at);
  expect([one.lastFailed, one.hasTried, told]).toEqual([true, true, ["refused"]]);
  arrive({ delivered: true });
  await one.finish(0);
  expect([one.lastFailed, one.sent, told]).toEqual([false, 5, ["refused", undefined]]);
});

test("Shipper counts what the other side did not take", async () => {
  const { shipper: one } = shipper([{ delivered: true, rejected: 2, problem: "in part" }]);
  for (let at = 0; at < 5; at += 1) one.add(at);
  await one.finish(0);
  expect([one.sent, one.dropped, one.lastFailed]).toEqual([3, 2, false]);
});
