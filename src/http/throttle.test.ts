import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { one, readBody } from "./body.ts";
import type { ConcurrencyEvent } from "./concurrency.ts";
import { initialConcurrency, stepConcurrency } from "./concurrency.ts";
import { headersFrom } from "./headers.ts";
import type { HttpRequest, HttpResponse, Operation, Send } from "./send.ts";
import { throttle } from "./throttle.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const times = (count: number) => Array.from({ length: count });
const ask = (operation: Operation, host = "a.example"): HttpRequest => ({
  method: "GET",
  url: `https://${host}/`,
  operation,
});

/** A registry that answers only when told to. */
function slowRegistry() {
  const waiting: ((status: number) => void)[] = [];
  const send: Send = (request) =>
    new Promise((resolve) => {
      const response = (status: number): HttpResponse => ({
        status,
        url: request.url,
        headers: headersFrom({}),
        body: one(new Uint8Array(1)),
        [Symbol.asyncDispose]: async () => undefined,
      });
      waiting.push((status) => resolve(response(status)));
    });
  return { send, waiting };
}

describe("throttle", () => {
  test("lets manifests through when blobs hold every slot of the origin, and leaves other origins alone", async () => {
    const { send, waiting } = slowRegistry();
    const throttled = throttle({ clock: fakeClock() })(send);
    for (const _ of times(40)) void throttled(ask("blob"));
    await turn();
    expect(waiting).toHaveLength(32);
    void throttled(ask("manifest"));
    void throttled(ask("blob", "b.example"));
    await turn();
    expect(waiting).toHaveLength(34);
  });

  test("holds a small request's slot until its body has ended, and a blob's only until its headers are here", async () => {
    for (const [operation, after] of [
      ["upload-open", 32],
      ["blob", 33],
    ] as const) {
      const { send, waiting } = slowRegistry();
      const throttled = throttle({ clock: fakeClock() })(send);
      const first = throttled(ask(operation));
      for (const _ of times(32)) void throttled(ask(operation));
      await turn();
      waiting[0]?.(200);
      const response = await first;
      await turn();
      expect(waiting).toHaveLength(after);
      await readBody(response, 10);
      await turn();
      expect(waiting).toHaveLength(33);
    }
  });

  test("lets uploads and reads wait for each other without end when each needs the other", async () => {
    const clock = fakeClock();
    const { send, waiting } = slowRegistry();
    const throttled = throttle({ clock })(send);
    for (const _ of times(33)) void throttled({ ...ask("upload-body"), method: "PUT" });
    await turn();
    expect(waiting).toHaveLength(32);
    void throttled(ask("blob"));
    await turn();
    expect(waiting).toHaveLength(33);
    await clock.advanceSlowly(5000);
    expect(waiting).toHaveLength(34);
  });

  test("halves after 429 and gives the slot back when a request fails or is cancelled", async () => {
    const { send, waiting } = slowRegistry();
    const throttled = throttle({ clock: fakeClock() })(send);
    const controller = new AbortController();
    const first = throttled(ask("upload-open"));
    for (const _ of times(31)) void throttled(ask("upload-open"));
    const queued = throttled({ ...ask("upload-open"), signal: controller.signal });
    await turn();
    controller.abort(new Error("enough"));
    await expect(queued).rejects.toThrow("enough");
    waiting[0]?.(429);
    await readBody(await first, 10);
    void throttled(ask("upload-open"));
    await turn();
    expect(waiting).toHaveLength(32);
  });
});

test("throttle halves when an HTTP/2 stream is reset with ENHANCE_YOUR_CALM", async () => {
  const { send, waiting } = slowRegistry();
  const cause = new Error("Stream closed with error code NGHTTP2_ENHANCE_YOUR_CALM");
  const broken = new Error("Cannot reach", { cause });
  let calls = 0;
  const throttled = throttle({ clock: fakeClock() })((request) =>
    (calls += 1) === 1 ? Promise.reject(broken) : send(request),
  );
  await expect(throttled(ask("upload-open"))).rejects.toBe(broken);
  for (const _ of times(40)) void throttled(ask("upload-open"));
  await turn();
  expect(waiting).toHaveLength(16);
});

describe("stepConcurrency", () => {
  const answered = (latencyMs: number): ConcurrencyEvent => ({ type: "answered", latencyMs });
  const after = (events: ConcurrencyEvent[]) => events.reduce(stepConcurrency, initialConcurrency);

  test("grows to 64 with the first window of fast answers, and stays there", () => {
    expect(after(times(32).map(() => answered(50))).limit).toBe(64);
    expect(after(times(200).map(() => answered(50))).limit).toBe(64);
  });

  test("halves after overload, and never goes below two", () => {
    expect(after([{ type: "overloaded" }]).limit).toBe(16);
    expect(after(times(20).map(() => ({ type: "overloaded" }))).limit).toBe(2);
  });

  const many = (count: number, latencyMs: number) => times(count).map(() => answered(latencyMs));

  test("halves when the 95th percentile doubles, and grows in small steps from then on", () => {
    expect(after([...many(32, 100), ...many(32, 300)]).limit).toBe(32);
    expect(after([...many(32, 100), ...many(32, 300), ...many(32, 100)]).limit).toBe(40);
  });

  test("does not blame late answers on the registry while we are busy ourselves", () => {
    const late = (ownLoad: number) => times(200).map(() => ({ ...answered(1000), ownLoad }));
    expect(after([...many(32, 50), ...late(0.95)]).limit).toBe(64);
    expect(after([...many(32, 50), ...late(0.3)]).limit).toBeLessThan(64);
  });

  test("stays between 2 and 64 and remembers at most one window for any history", () => {
    const event = fc.oneof(fc.constant<ConcurrencyEvent>({ type: "overloaded" }), fc.nat().map(answered));
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const { limit, window } = after(events);
        expect(limit).toBeGreaterThanOrEqual(2);
        expect(limit).toBeLessThanOrEqual(64);
        expect(window.length).toBeLessThan(32);
      }),
    );
  });
});
