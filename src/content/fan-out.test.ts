import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock, type FakeClock } from "../../test/support/fake-clock.ts";
import { fanOut } from "./fan-out.ts";
import { createReadBudget } from "./read-budget.ts";
import { blobOf } from "../../test/support/samples.ts";
import type { Bytes, Replayable } from "./store.ts";
import { verified } from "./verify.ts";

interface Setting {
  readonly sizeBytes?: number;
  readonly windowBytes?: number;
  readonly budgetBytes?: number;
  /** The open, counted from 0, that breaks off after some bytes. */
  readonly failingOpens?: ReadonlySet<number>;
  readonly seats: number;
  readonly patienceMs?: number;
  readonly clock?: FakeClock;
}

/** A blob in pieces of ten bytes, its shared read, and what can be seen of it from outside. */
function setUp({ sizeBytes = 100, windowBytes = 40, budgetBytes = 1000, seats, ...rest }: Setting) {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, at) => at * 7);
  const blob = blobOf(bytes);
  const seen = { opens: [] as number[], open: 0, mostHeld: 0 };
  const clock = rest.clock ?? fakeClock();
  const budget = createReadBudget(budgetBytes);
  async function* raw(offset: number, breaks: boolean, signal?: AbortSignal): Bytes {
    seen.open += 1;
    try {
      for (let at = offset; at < sizeBytes; at += 10) {
        signal?.throwIfAborted();
        if (breaks && at >= offset + 30) throw new Error("the source broke");
        yield bytes.subarray(at, Math.min(at + 10, sizeBytes));
      }
    } finally {
      seen.open -= 1;
    }
  }
  const source: Replayable = (offset, signal) => {
    const breaks = rest.failingOpens?.has(seen.opens.length) ?? false;
    seen.opens.push(offset);
    const body = raw(offset, breaks, signal);
    return offset === 0 ? verified(blob, body) : body;
  };
  const shared = fanOut(blob, source, { budget, clock, windowBytes });
  const places = Array.from({ length: seats }, () => shared.seat({ leftMs: rest.patienceMs ?? 0 }));
  return { bytes, blob, seen, clock, budget, shared, places };
}

const start = (body: Bytes) => body[Symbol.asyncIterator]();

async function readAll(from: AsyncIterator<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let next = await from.next(); !next.done; next = await from.next()) chunks.push(next.value);
  return Buffer.concat(chunks);
}

/** Lets everything run that waits for nothing from outside. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

describe("fanOut", () => {
  test("fanOut opens the source once when all keep pace", async () => {
    const { bytes, seen, budget, places, shared } = setUp({ seats: 3 });
    const readers = places.map(({ body }) => start(body(0)));
    for (let piece = 0; piece < 10; piece++) await Promise.all(readers.map((reader) => reader.next()));
    await Promise.all(readers.map(async (reader) => expect((await reader.next()).done).toBe(true)));
    for (const place of places) place.leave();
    await shared[Symbol.asyncDispose]();
    expect(seen).toMatchObject({ opens: [0], open: 0 });
    expect(budget.heldBytes).toBe(0);
    expect(bytes.byteLength).toBe(100);
  });

  test("fanOut keeps a small blob for a reader that comes after the others have ended", async () => {
    const { bytes, seen, budget, places } = setUp({ seats: 3, windowBytes: 100 });
    expect(await readAll(start(places[0]!.body(0)))).toEqual(Buffer.from(bytes));
    places[0]!.leave();
    expect(budget.heldBytes).toBe(100);
    expect(await readAll(start(places[1]!.body(0)))).toEqual(Buffer.from(bytes));
    places[2]!.leave();
    await settle();
    expect(seen).toMatchObject({ opens: [0], open: 0 });
    expect(budget.heldBytes).toBe(0);
  });

  test("fanOut lets a slow reader go on by itself from where it stands when it falls behind", async () => {
    const { bytes, seen, budget, places } = setUp({ seats: 2 });
    const [fast, slow] = places.map(({ body }) => start(body(0)));
    const first = (await slow!.next()).value as Uint8Array;
    expect(await readAll(fast!)).toEqual(Buffer.from(bytes));
    expect(budget.heldBytes).toBe(0);
    expect(Buffer.concat([first, await readAll(slow!)])).toEqual(Buffer.from(bytes));
    expect(seen).toMatchObject({ opens: [0, 10], open: 0 });
  });

  test("fanOut waits for a slow reader while its patience lasts", async () => {
    const { bytes, clock, seen, places } = setUp({ seats: 2, patienceMs: 100 });
    const [fast, slow] = places.map(({ body }) => start(body(0)));
    await slow!.next();
    const all = readAll(fast!);
    await settle();
    expect(clock.pending).toBe(1);
    clock.advance(60);
    await slow!.next();
    await settle();
    expect(seen.opens).toEqual([0]);
    clock.advance(60);
    expect(await all).toEqual(Buffer.from(bytes));
    await readAll(slow!);
    expect(seen.opens).toEqual([0, 20]);
    expect(clock.pending).toBe(0);
  });

  test("fanOut takes waiting off a target's patience once when two of its reads are waited for", async () => {
    const clock = fakeClock();
    const patience = { leftMs: 100 };
    const settings = [1, 2].map(() => setUp({ seats: 1, clock }));
    const readers = settings.map(({ shared, places }) => {
      const slow = start(shared.seat(patience).body(0));
      return { slow, fast: start(places[0]!.body(0)) };
    });
    for (const { slow } of readers) await slow.next();
    const all = readers.map(({ fast }) => readAll(fast));
    await settle();
    clock.advance(60);
    for (const { slow } of readers) await slow.next();
    await settle();
    expect(patience.leftMs).toBe(40);
    clock.advance(60);
    await Promise.all(all);
  });

  test("fanOut refuses wrong bytes to a reader that goes on by itself", async () => {
    const { bytes, places } = setUp({ seats: 2 });
    const [fast, slow] = places.map(({ body }) => start(body(0)));
    await slow!.next();
    await readAll(fast!);
    bytes[95]! ^= 1;
    await expect(readAll(slow!)).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test("fanOut closes the source when the last reader is cancelled", async () => {
    const { seen, budget, places } = setUp({ seats: 2 });
    const controller = new AbortController();
    const [one, other] = [start(places[0]!.body(0, controller.signal)), start(places[1]!.body(0))];
    await Promise.all([one.next(), other.next()]);
    controller.abort(new Error("enough"));
    await expect(one.next()).rejects.toThrow("enough");
    expect((await other.next()).done).toBe(false);
    await other.return!();
    expect(seen).toMatchObject({ opens: [0], open: 0 });
    expect(budget.heldBytes).toBe(0);
  });

  test("fanOut fails each reader when the source fails, and each may begin anew", async () => {
    const { bytes, seen, places } = setUp({ seats: 2, failingOpens: new Set([0]) });
    const readers = places.map(({ body }) => readAll(start(body(0))));
    for (const outcome of await Promise.allSettled(readers)) expect(outcome.status).toBe("rejected");
    expect(await readAll(start(places[0]!.body(0)))).toEqual(Buffer.from(bytes));
    expect(seen.open).toBe(0);
  });

  test("fanOut gives every reader that ends its exact bytes, whatever the others do", async () => {
    const action = fc.record({
      reader: fc.nat(3),
      does: fc.constantFrom("read", "read", "read", "read", "stop", "settle"),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 120 }),
        fc.record({
          windowBytes: fc.constantFrom(10, 40, 100),
          budgetBytes: fc.constantFrom(0, 25, 60, 1000),
          failingOpens: fc.uniqueArray(fc.nat(4), { maxLength: 2 }),
        }),
        async (actions, { failingOpens, ...limits }) => {
          const setting = setUp({ ...limits, failingOpens: new Set(failingOpens), seats: 4 });
          await playAndCheck(setting, actions, limits.budgetBytes);
        },
      ),
      { numRuns: 400 },
    );
  });
});

type Action = { readonly reader: number; readonly does: string };

async function playAndCheck(setting: ReturnType<typeof setUp>, actions: readonly Action[], limit: number) {
  const { places, bytes, budget, seen, shared } = setting;
  const readers = places.map(({ body }) => ({
    from: start(body(0)),
    got: [] as Uint8Array[],
    busy: Promise.resolve(),
    over: false,
  }));
  const read = async (reader: (typeof readers)[number]) => {
    if (reader.over) return;
    try {
      const next = await reader.from.next();
      expect(budget.heldBytes).toBeLessThanOrEqual(limit);
      if (!next.done) reader.got.push(next.value);
      else expect(Buffer.concat(reader.got)).toEqual(Buffer.from(bytes));
      reader.over = next.done === true;
    } catch (error) {
      expect((error as Error).message).toBe("the source broke");
      reader.over = true;
    }
  };
  const stop = async (reader: (typeof readers)[number]) => {
    reader.over = true;
    await reader.from.return!();
  };
  const after = async (before: Promise<void>, work: () => Promise<void>) => {
    await before;
    await work();
  };
  for (const { reader: at, does } of actions) {
    const reader = readers[at]!;
    if (does === "settle") await settle();
    else reader.busy = after(reader.busy, () => (does === "read" ? read(reader) : stop(reader)));
  }
  for (const reader of readers) await reader.busy;
  for (const reader of readers) while (!reader.over) await read(reader);
  for (const place of places) place.leave();
  await shared[Symbol.asyncDispose]();
  expect(seen.open).toBe(0);
  expect(budget.heldBytes).toBe(0);
}
