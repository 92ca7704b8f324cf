import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import type { Clock } from "../async/clock.ts";
import { WaybillError } from "../errors.ts";
import { silent, type WaybillEvent } from "../telemetry/events.ts";
import { nothing, one, readBody } from "./body.ts";
import type { ConcurrencyEvent } from "./concurrency.ts";
import { initialConcurrency, stepConcurrency } from "./concurrency.ts";
import { headersFrom } from "./headers.ts";
import type { HttpRequest, HttpResponse, Operation, Send } from "./send.ts";
import { originOf } from "./url.ts";
import { throttle } from "./throttle.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const onClock = (clock: Clock) => throttle({ clock, random: () => 0, report: silent }).interceptor;
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
    const throttled = onClock(fakeClock())(send);
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
      const throttled = onClock(fakeClock())(send);
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
    const throttled = onClock(clock)(send);
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
    const throttled = onClock(fakeClock())(send);
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

/** A registry that answers at once what `answer` says, or breaks the connection. */
function quickRegistry(answer: (count: number) => number | "broken", headers: Record<string, string> = {}) {
  const sentAt: number[] = [];
  const clock = fakeClock();
  const begin = clock.now();
  const send: Send = async (request) => {
    sentAt.push(clock.now() - begin);
    const status = answer(sentAt.length);
    if (status === "broken") throw new WaybillError("connection_failed", "Cannot reach it");
    return {
      status,
      url: request.url,
      headers: headersFrom({ ...headers, "content-length": "0" }),
      body: nothing,
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
  const news: WaybillEvent[] = [];
  const load = throttle({ clock, random: () => 0, report: (event) => news.push(event) });
  return { clock, sentAt, news, load, throttled: load.interceptor(send) };
}

/** What each request came to: its status, or the code of its failure. */
function crowd(send: Send, requests: readonly HttpRequest[]) {
  const outcomes: (number | string)[] = [];
  for (const request of requests)
    send(request).then(
      ({ status }) => outcomes.push(status),
      (error: WaybillError) => outcomes.push(error.code),
    );
  return outcomes;
}

describe("throttle, when a registry says how long to wait", () => {
  const asking = quickRegistry.bind(undefined, (count) => (count <= 3 ? 429 : 200), { "retry-after": "8" });

  test("lets nobody go before, and then no faster than went through", async () => {
    const { clock, sentAt, load, throttled } = asking();
    crowd(
      throttled,
      times(3).map(() => ask("upload-open")),
    );
    await clock.advanceSlowly(1, 1);
    const outcomes = crowd(
      throttled,
      times(3).map(() => ask("manifest")),
    );
    expect(load.isHolding(originOf("https://a.example/"))).toBe(true);
    await clock.advanceSlowly(7990, 10);
    expect(outcomes).toEqual([]);
    await clock.advanceSlowly(4000, 10);
    expect(outcomes).toEqual([200, 200, 200]);
    const gaps = sentAt.slice(3).map((at, index, all) => at - (all[index - 1] ?? at));
    expect(Math.min(...gaps.slice(1))).toBeGreaterThan(400);
    expect([load.isHolding(originOf("https://a.example/")), clock.pending]).toEqual([false, 0]);
  });

  test("tells how long and why, once, and when it is over", async () => {
    const { clock, news, throttled } = asking();
    crowd(
      throttled,
      times(3).map(() => ask("upload-open")),
    );
    await clock.advanceSlowly(1, 1);
    const { registry, origin } = { registry: "a.example", origin: "https://a.example" };
    expect(news.filter((event) => event.type === "load" && event.waitMs !== undefined)).toMatchObject([
      { type: "load", registry, origin, waitMs: 8000, why: "HTTP 429", concurrency: 16, perSecond: 1 },
    ]);
    crowd(throttled, [ask("manifest")]);
    await clock.advanceSlowly(9001, 10);
    expect(news.at(-1)).toMatchObject({ type: "load", concurrency: 16 });
    expect(news.at(-1)).not.toHaveProperty("waitMs");
  });

  test("does not make all wait for longer than anybody is ready to", async () => {
    const { clock, load, throttled } = quickRegistry(() => 429, { "retry-after": "600" });
    crowd(throttled, [ask("manifest")]);
    await clock.advanceSlowly(1, 1);
    expect(load.isHolding(originOf("https://a.example/"))).toBe(false);
  });
});

describe("throttle, when a registry stops answering", () => {
  test.each([["broken"], [503]] as const)("lets one go ahead after five failures: %s", async (failure) => {
    const { clock, sentAt, throttled } = quickRegistry((count) => (count <= 6 ? failure : 200));
    crowd(
      throttled,
      times(5).map(() => ask("upload-open")),
    );
    await clock.advanceSlowly(1, 1);
    const outcomes = crowd(
      throttled,
      times(5).map(() => ask("manifest")),
    );
    await clock.advanceSlowly(150, 10);
    const [own, theirs] = failure === 503 ? ["503", "unavailable"] : ["connection_failed", "connection_failed"];
    expect(sentAt).toHaveLength(6);
    expect(outcomes.map(String).toSorted()).toEqual([own, theirs, theirs, theirs, theirs].toSorted());
    const again = crowd(
      throttled,
      times(4).map(() => ask("manifest")),
    );
    await clock.advanceSlowly(400, 10);
    expect([again, sentAt.length]).toEqual([[200, 200, 200, 200], 10]);
  });

  test("says of those who waited that nothing of them had left", async () => {
    const { clock, throttled } = quickRegistry(() => "broken");
    crowd(
      throttled,
      times(5).map(() => ask("upload-open")),
    );
    await clock.advanceSlowly(1, 1);
    const waited = [throttled(ask("manifest")), throttled(ask("upload-body"))].map((one) =>
      one.catch((e: unknown) => e),
    );
    await clock.advanceSlowly(150, 10);
    expect(await waited[1]).toMatchObject({ code: "connection_failed", context: { sent: "nothing" } });
    await waited[0];
  });

  test("still gives uploads up, which nobody would do later", async () => {
    const { clock, sentAt, throttled } = quickRegistry(() => "broken");
    crowd(
      throttled,
      times(5).map(() => ask("upload-open")),
    );
    await clock.advanceSlowly(1, 1);
    crowd(throttled, [{ ...ask("upload-control"), method: "DELETE" }, ask("upload-control")]);
    await clock.advanceSlowly(1, 1);
    expect(sentAt).toHaveLength(6);
  });

  test("lets the others go as soon as a large upload that goes ahead is taken", async () => {
    const { clock, sentAt, throttled } = quickRegistry((count) => (count <= 5 ? "broken" : 200));
    let progress: HttpRequest["onProgress"];
    const slow = slowRegistry();
    const mixed = throttle({ clock, random: () => 0, report: silent }).interceptor((request) => {
      if (request.operation !== "upload-body") return throttled(request);
      progress = request.onProgress;
      return slow.send(request);
    });
    crowd(
      mixed,
      times(5).map(() => ask("upload-open")),
    );
    await clock.advanceSlowly(1, 1);
    const upload = crowd(mixed, [{ ...ask("upload-body"), method: "PUT" }]);
    await clock.advanceSlowly(110, 10);
    const outcomes = crowd(mixed, [ask("manifest")]);
    await clock.advanceSlowly(5000, 100);
    progress?.(4 * 1024 * 1024 - 1);
    await clock.advanceSlowly(10, 10);
    expect([outcomes, sentAt.length]).toEqual([[], 5]);
    progress?.(1);
    await clock.advanceSlowly(10, 10);
    expect([outcomes, upload]).toEqual([[200], []]);
  });
});

test("throttle counts a burst of refusals as one", async () => {
  const { clock, news, throttled } = quickRegistry(() => 429);
  crowd(
    throttled,
    times(20).map(() => ask("upload-open")),
  );
  await clock.advanceSlowly(1, 1);
  const limits = news.flatMap((event) =>
    event.type === "load" ? [[event.concurrency, event.perSecond !== undefined]] : [],
  );
  // As it begins, halved, and with the pace that the burst has shown.
  expect(limits).toEqual([
    [32, false],
    [16, false],
    [16, true],
  ]);
});

test("throttle halves when an HTTP/2 stream is reset with ENHANCE_YOUR_CALM", async () => {
  const { send, waiting } = slowRegistry();
  const cause = new Error("Stream closed with error code NGHTTP2_ENHANCE_YOUR_CALM");
  const broken = new Error("Cannot reach", { cause });
  let calls = 0;
  const throttled = onClock(fakeClock())((request) => ((calls += 1) === 1 ? Promise.reject(broken) : send(request)));
  await expect(throttled(ask("upload-open"))).rejects.toBe(broken);
  for (const _ of times(40)) void throttled(ask("upload-open"));
  await turn();
  expect(waiting).toHaveLength(16);
});

test.each([
  ["some", 16],
  ["nothing", 32],
] as const)(
  "throttle takes an upload that is given up with %s of it sent for a matter of how many there are: %i",
  async (sent, most) => {
    const { send, waiting } = slowRegistry();
    const stuck = new WaybillError("timeout", "Cannot finish PUT", { sent });
    let calls = 0;
    const throttled = onClock(fakeClock())((request) => ((calls += 1) === 1 ? Promise.reject(stuck) : send(request)));
    await expect(throttled(ask("upload-body"))).rejects.toBe(stuck);
    for (const _ of times(40)) void throttled(ask("upload-body"));
    await turn();
    expect(waiting).toHaveLength(most);
  },
);

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
