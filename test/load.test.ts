import { describe, expect, test } from "vitest";
import { sleep } from "../src/async/clock.ts";
import { createMemoryStorage } from "../src/server/memory-storage.ts";
import { faulty, type FaultRule } from "../src/server/faults.ts";
import { collect } from "../src/content/collect.ts";
import { one } from "../src/http/body.ts";
import type { HttpRequest, Interceptor } from "../src/http/send.ts";
import type { Storage } from "../src/server/storage.ts";
import { digestOf } from "../src/spec/digest.ts";
import { isComplete } from "../src/transfer/result.ts";
import { create, type CreateRequest } from "../src/verbs/create.ts";
import type { FakeClock } from "./support/fake-clock.ts";
import { bytesOf, pushImage } from "./support/images.ts";
import { storeAt } from "./support/publish-case.ts";
import { simulate, type Simulation, type SimulationOptions } from "./support/simulation.ts";

const from = "a.example";
const to = "b.example";
const latencyMs = 20;

/** An image of 64 blobs. */
async function source(): Promise<Storage> {
  const storage = createMemoryStorage();
  const store = storeAt(from, "app", storage);
  await pushImage(store, { layers: Array.from({ length: 63 }, (_, at) => bytesOf(`layer ${at}`)), tags: ["1"] });
  return storage;
}

interface Published {
  readonly simulation: Simulation;
  /** When each request to the target came, in milliseconds from the first. */
  readonly cameAtMs: readonly number[];
  readonly tookMs: number;
  readonly mostAtATime: number;
  readonly error: unknown;
}

interface Setting extends Pick<SimulationOptions, "limits"> {
  /** What is wrong with the target. */
  readonly rules?: (clock: FakeClock) => readonly FaultRule[];
  readonly request?: Partial<CreateRequest>;
}

/** Publishes the image and watches what the target sees of it. */
async function publish({ limits, rules = () => [], request = {} }: Setting = {}): Promise<Published> {
  const cameAt: number[] = [];
  const load = { now: 0, most: 0 };
  const watched = (clock: FakeClock): Interceptor => {
    return (next) => {
      const wrong = faulty(next, rules(clock));
      return async (seen: HttpRequest) => {
        if (new URL(seen.url).host !== to) return next(seen);
        cameAt.push(clock.now());
        load.most = Math.max(load.most, ++load.now);
        try {
          await sleep(clock, latencyMs, seen.signal);
          return await wrong(seen);
        } finally {
          load.now -= 1;
        }
      };
    };
  };
  const simulation = await simulate({
    storages: { [from]: await source(), [to]: createMemoryStorage() },
    faults: ({ clock }) => watched(clock),
    ...(limits && { limits }),
  });
  const begin = simulation.clock.now();
  const wanted = {
    sources: [`${from}/app:1`],
    tags: [`${to}/app:1`],
    preferIndex: false,
    referrers: "none",
    ...request,
  };
  const result = await simulation.settle(create(wanted, simulation.context));
  const [target] = result.targets;
  expect(target && isComplete(target)).toBe(target?.error === undefined);
  expect(await simulation.leftovers()).toEqual([]);
  return {
    simulation,
    cameAtMs: cameAt.map((at) => at - begin),
    tookMs: simulation.clock.now() - begin,
    mostAtATime: load.most,
    error: target?.error,
  };
}

const limitOf = (limit: object) => ({ limits: [{ registry: to, ...limit }] });

describe("a user's limit", () => {
  test("on requests at the same time is kept", async () => {
    const [free, limited] = [await publish(), await publish(limitOf({ concurrency: 3 }))];
    expect([free.error, limited.error]).toEqual([undefined, undefined]);
    expect(free.mostAtATime).toBeGreaterThan(20);
    expect(limited.mostAtATime).toBe(3);
  });

  test("on requests in a second is kept, by repeated ones too", async () => {
    const rules = () => [{ times: 20, skip: 5, fault: { kind: "status", status: 503 } } satisfies FaultRule];
    const { error, cameAtMs } = await publish({ ...limitOf({ requestsPerSecond: 10 }), rules });
    const gaps = cameAtMs.slice(1).map((at, index) => at - cameAtMs[index]!);
    expect(error).toBeUndefined();
    expect(cameAtMs.length).toBeGreaterThan(150);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100);
  });
});

test("a user's limit on bytes in a second is kept, in both directions together", async () => {
  const limits = [{ registry: to, bytesPerSecond: 256 * 1024 }];
  const simulation = await simulate({ storages: { [to]: createMemoryStorage() }, limits });
  const store = await simulation.context.open({ kind: "registry", host: to, repository: "app" });
  const bytes = Buffer.alloc(512 * 1024, "x");
  const blob = { mediaType: "application/octet-stream", digest: digestOf(bytes), size: bytes.byteLength };
  const begin = simulation.clock.now();
  await simulation.settle(store.pushBlob(blob, (offset) => one(bytes.subarray(offset))));
  const read = async () => {
    await using content = await store.fetch(blob);
    return await collect(content.body, 1e9);
  };
  expect(digestOf(await simulation.settle(read()))).toBe(blob.digest);
  const tookMs = simulation.clock.now() - begin;
  expect(tookMs).toBeGreaterThan(3850);
  expect(tookMs).toBeLessThan(4200);
});

test("--strategy serial asks a registry one thing at a time", async () => {
  const { error, mostAtATime } = await publish({ request: { strategy: "serial" } });
  expect([error, mostAtATime]).toEqual([undefined, 1]);
});

describe("a registry limited to 10 requests a second", () => {
  test.each([
    ["with a burst of ten", { burst: 10 }, 1.1],
    ["that does not say when to come back", { burst: 10, retryAfter: "none" }, 1.1],
    ["with no burst at all", { burst: 1 }, 1.7],
    ["that asks for five seconds each time", { burst: 10, retryAfter: { seconds: 5 } }, 1.5],
  ] as const)(
    "%s gets an image of 64 blobs in little more than the least time, and refuses few",
    async (_, facts, most) => {
      const rules = (clock: FakeClock): readonly FaultRule[] => [
        { times: Number.POSITIVE_INFINITY, fault: { kind: "rate-limit", perSecond: 10, clock, ...facts } },
      ];
      const { simulation, error, tookMs } = await publish({ rules });
      expect(error).toBeUndefined();
      const seen = simulation.events.flatMap((event) =>
        event.type === "http" && event.url.includes(to) ? [event] : [],
      );
      const refused = seen.filter(({ status }) => status === 429);
      const leastMs = ((seen.length - refused.length - facts.burst) / 10) * 1000;
      expect(tookMs / leastMs).toBeLessThan(most);
      expect(refused.length).toBeLessThan(45);
    },
  );
});

describe("a registry that stops answering", () => {
  const whileDown = (fromMs: number, untilMs: number, clock: FakeClock): FaultRule => {
    const begin = clock.now();
    const when = () => clock.now() - begin >= fromMs && clock.now() - begin < untilMs;
    return { times: Number.POSITIVE_INFINITY, when, fault: { kind: "refuse" } };
  };

  test("for half a minute is asked rarely meanwhile, and gets everything afterwards", async () => {
    const { error, cameAtMs, tookMs, simulation } = await publish({
      rules: (clock) => [whileDown(50, 30_000, clock)],
    });
    expect(error).toBeUndefined();
    expect(cameAtMs.filter((at) => at > 1000 && at < 30_000).length).toBeLessThan(15);
    expect(tookMs).toBeLessThan(60_000);
    const told = simulation.events.filter((event) => event.type === "load" && event.waitMs !== undefined);
    expect(told.length).toBeGreaterThan(3);
    expect(told[0]).toMatchObject({ registry: to, why: expect.stringContaining("Cannot reach") });
  });

  test("for good fails the publish in minutes, with what it was", async () => {
    const { error, tookMs, cameAtMs } = await publish({
      rules: (clock) => [whileDown(50, Number.POSITIVE_INFINITY, clock)],
    });
    expect(error).toMatchObject({ code: "connection_failed", context: { registry: to } });
    expect(tookMs).toBeLessThan(10 * 60_000);
    expect(cameAtMs.length).toBeLessThan(300);
  });

  test("at its token service alone does not spend the registry's own retries", async () => {
    const { error } = await publish({
      rules: () => [{ route: "token", times: 8, fault: { kind: "status", status: 503 } }],
    });
    expect(error).toBeUndefined();
  });
});
