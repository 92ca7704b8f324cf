import { expect, test } from "vitest";
import { one, readBody } from "../../src/http/body.ts";
import { headersFrom } from "../../src/http/headers.ts";
import type { HttpRequest, Interceptor, Send } from "../../src/http/send.ts";
import { traceAttempts } from "../../src/http/trace.ts";
import type { AttemptEvent } from "../../src/telemetry/attempt.ts";
import type { WaybillEvent } from "../../src/telemetry/events.ts";
import type { MarkName } from "../../src/telemetry/marks.ts";
import { timingOf } from "../../src/telemetry/timing.ts";
import { fakeClock } from "../support/fake-clock.ts";

// docker/buildx#2232: the tracer took its span from the first hook that it expected, and died when another came first.
const hooks = ["connect", "connection", "headers-sent", "first-byte", "last-byte"] as const;
type Hook = (typeof hooks)[number];

/** Every order of hooks up to a length, with repetitions: 5 + 25 + 125 + 625 + 3125. */
function* orders(length: number): Generator<readonly Hook[]> {
  if (length === 0) return;
  for (const shorter of length === 1 ? [[]] : orders(length - 1)) {
    if (length > 1 && shorter.length < length - 1) continue;
    for (const hook of hooks) yield [...shorter, hook];
  }
}
const all = [1, 2, 3, 4, 5].flatMap((length) => [...orders(length)]);

/** A wire that lets hooks happen in the given order, and those that come late, and all of them again. */
function wire(order: readonly Hook[], hook: (request: HttpRequest, name: Hook) => void): Send {
  return async (request) => {
    for (const name of order) hook(request, name);
    const late = () => [...order, ...hooks].forEach((name) => hook(request, name));
    async function* body() {
      yield* one(Buffer.from("content"));
      late();
    }
    const response = { status: 200, url: request.url, headers: headersFrom({}), body: body() };
    return { ...response, [Symbol.asyncDispose]: async () => late() };
  };
}

async function result(send: Send): Promise<unknown> {
  try {
    const response = await send({ method: "GET", url: "https://r.example/v2/" });
    const body = Buffer.from(await readBody(response, 100)).toString();
    await response[Symbol.asyncDispose]();
    return [response.status, body];
  } catch (error) {
    return error;
  }
}

async function differences(observe: Interceptor, hook: (request: HttpRequest, name: Hook) => void): Promise<number> {
  let count = 0;
  for (const order of all) {
    const plain = await result(wire(order, () => undefined));
    const observed = await result(observe(wire(order, hook)));
    if (JSON.stringify(observed) !== JSON.stringify(plain)) count += 1;
  }
  return count;
}

const mark = (request: HttpRequest, name: MarkName) => request.marks?.add(name);

test("all orders are tried", () => {
  expect([all.length, new Set(all.map(String)).size]).toEqual([3905, 3905]);
});

test("no order of hooks, followed by late and repeated ones, changes a request, though the sink throws each time", async () => {
  const report = () => {
    throw new Error("a sink with a bug");
  };
  expect(await differences(traceAttempts({ clock: fakeClock(), report }), mark)).toBe(0);
});

test("each order comes to one event, of which a timing can be made", async () => {
  const events: WaybillEvent[] = [];
  const observe = traceAttempts({ clock: fakeClock(), report: (event) => void events.push(event) });
  for (const order of all) await result(observe(wire(order, mark)));
  const attempts = events.filter((event): event is AttemptEvent => event.type === "http");
  expect(attempts).toHaveLength(all.length);
  for (const attempt of attempts) expect(timingOf(attempt).odd).toBeLessThanOrEqual(attempt.marks.length);
  expect(events.some(({ type }) => type === "telemetry-drop")).toBe(true);
});

test("nor does any order, up to three, of all that can be seen of an attempt", async () => {
  const names: readonly MarkName[] = [
    "admitted",
    "dns",
    "dns-done",
    "connect",
    "connect-done",
    "tls",
    "tls-done",
    "connection",
    "headers-sent",
    "body-sent",
    "continue",
    "first-byte",
    "last-byte",
    "reset",
    "goaway",
    "repeated",
  ];
  const every = names.flatMap((one) => names.flatMap((two) => names.map((three) => [one, two, three] as const)));
  expect(every).toHaveLength(16 ** 3);
  const events: AttemptEvent[] = [];
  const observe = traceAttempts({
    clock: fakeClock(),
    report: (event) => {
      if (event.type === "http") events.push(event);
      throw new Error("a sink with a bug");
    },
  });
  for (const order of every) {
    const late: Send = async (request) => {
      for (const name of order) request.marks?.add(name);
      const response = { status: 200, url: request.url, headers: headersFrom({}), body: one(Buffer.from("content")) };
      return {
        ...response,
        [Symbol.asyncDispose]: async () => [...order, ...names].forEach((name) => request.marks?.add(name)),
      };
    };
    expect(await result(observe(late))).toEqual([200, "content"]);
  }
  expect(events).toHaveLength(every.length);
  for (const event of events)
    for (const { durationMs } of timingOf(event).stretches) expect(durationMs).toBeGreaterThanOrEqual(0);
});

test("the tracer of old, in the same test, fails", async () => {
  interface Span {
    readonly seen: string[];
  }
  const spans = new WeakMap<HttpRequest, Span>();
  const old = (request: HttpRequest, name: Hook) => {
    if (name === "connect") spans.set(request, { seen: [] });
    // As it stood in the Go code: the span is taken to be there.
    spans.get(request)!.seen.push(name);
  };
  expect(await differences((next) => next, old)).toBeGreaterThan(3000);
});
