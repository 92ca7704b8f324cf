import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fullBucket, spend, waitMs } from "./bucket.ts";

const rate = { perSecond: 10, burst: 4 };

describe("a bucket", () => {
  test("lets its burst pass at once, then as much as comes in", () => {
    let bucket = fullBucket(rate, 0);
    for (let taken = 0; taken < 4; taken++) {
      expect(waitMs(bucket, rate, 1, 0)).toBe(0);
      bucket = spend(bucket, rate, 1, 0);
    }
    expect(waitMs(bucket, rate, 1, 0)).toBe(100);
    expect([waitMs(bucket, rate, 1, 99), waitMs(bucket, rate, 1, 100)]).toEqual([1, 0]);
  });

  test("makes the next one wait for what was taken beyond it", () => {
    const bucket = spend(fullBucket(rate, 0), rate, 14, 0);
    expect(waitMs(bucket, rate, 1, 0)).toBe(1100);
  });

  test("lets pass what is larger than itself as soon as it is full", () => {
    const bucket = spend(fullBucket(rate, 0), rate, 4, 0);
    expect([waitMs(bucket, rate, 100, 0), waitMs(bucket, rate, 100, 400)]).toEqual([400, 0]);
  });

  test("gains nothing and loses nothing by a clock that goes back", () => {
    const bucket = spend(fullBucket(rate, 1000), rate, 4, 1000);
    expect(waitMs(bucket, rate, 1, 0)).toBe(100);
    expect(waitMs(spend(bucket, rate, 0, 0), rate, 1, 100)).toBe(0);
  });

  test("never lets more pass in a time than its burst and what came in, however it is asked", () => {
    const ask = fc.record({ afterMs: fc.nat(500), amount: fc.integer({ min: 1, max: 4 }) });
    fc.assert(
      fc.property(fc.array(ask, { maxLength: 60 }), fc.integer({ min: 1, max: 1000 }), (asks, perSecond) => {
        const own = { perSecond, burst: 4 };
        let nowMs = 0;
        let bucket = fullBucket(own, nowMs);
        let passed = 0;
        for (const { afterMs, amount } of asks) {
          nowMs += afterMs;
          nowMs += waitMs(bucket, own, amount, nowMs);
          bucket = spend(bucket, own, amount, nowMs);
          passed += amount;
          expect(bucket.level).toBeGreaterThan(-1e-6);
        }
        expect(passed).toBeLessThanOrEqual(4 + (nowMs / 1000) * perSecond + 1e-6);
      }),
    );
  });

  test("asks for a wait that is enough", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.nat(1_000_000), (perSecond, taken) => {
        const own = { perSecond, burst: 1 };
        const bucket = spend(fullBucket(own, 0), own, taken, 0);
        expect(waitMs(bucket, own, 1, waitMs(bucket, own, 1, 0))).toBe(0);
      }),
    );
  });
});
