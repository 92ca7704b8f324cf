import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { sleep } from "../async/clock.ts";
import type { ErrorContext } from "../errors.ts";
import { WaybillError } from "../errors.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
import { one } from "./body.ts";
import { headersFrom } from "./headers.ts";
import { retry } from "./retry.ts";
import { intercept, type HttpRequest, type HttpResponse, type Send } from "./send.ts";
import { throttle } from "./throttle.ts";

type Answer = number | [number, Record<string, string>] | WaybillError;

const url = "https://r.example/v2/app/manifests/1?secret=1";
const manifest: HttpRequest = { method: "GET", url, operation: "manifest" };
const upload: HttpRequest = { method: "PUT", url, operation: "upload-body", body: new Uint8Array(5) };
const failed = (code: "connection_failed" | "timeout" | "tls_failed", context: ErrorContext = {}, cause?: unknown) =>
  new WaybillError(code, `Cannot reach "r.example"`, context, { cause });

function respond(status: number, headers: Record<string, string> = {}, from = url): HttpResponse {
  return {
    status,
    url: from,
    headers: headersFrom(headers),
    body: one(new Uint8Array(3)),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Sends `request` to something that gives the answers in turn, the last for ever, on a clock that runs on by itself. */
async function run(
  request: HttpRequest,
  answers: Answer[],
  options: { maxRetryAfterMs?: number; draw?: number; dateAheadMs?: number } = {},
) {
  const { dateAheadMs = 0, ...rest } = options;
  const clock = fakeClock();
  const begin = clock.now();
  const events: WaybillEvent[] = [];
  const sentAt: number[] = [];
  const attempts: (number | undefined)[] = [];
  const send: Send = async (seen) => {
    sentAt.push(clock.now() - begin);
    attempts.push(seen.attempt);
    const answer = answers[Math.min(sentAt.length, answers.length) - 1]!;
    if (answer instanceof WaybillError) throw answer;
    return typeof answer === "number" ? respond(answer) : respond(...answer);
  };
  const wrapped = retry({
    clock: { ...clock, wall: () => clock.now() + dateAheadMs },
    random: () => options.draw ?? 0.5,
    report: (event) => events.push(event),
    ...rest,
  })(send);
  const settled: { response?: HttpResponse; error?: unknown } = {};
  const ended = wrapped(request).then(
    (response) => (settled.response = response),
    (error: unknown) => (settled.error = error),
  );
  for (let step = 0; step < 300 && !settled.response && !settled.error; step += 1) await clock.advanceSlowly(1000);
  await ended;
  return { ...settled, sentAt, attempts, events };
}

describe("retry", () => {
  test("says of an answer that an earlier attempt may have been done where that lost its own", async () => {
    const lost = failed("connection_failed", { sent: "all" });
    expect((await run(manifest, [lost, 403])).response).toMatchObject({ status: 403, mayBeDone: true });
    const unheard = failed("connection_failed", { sent: "nothing" });
    for (const first of [unheard, 500]) expect((await run(manifest, [first, 403])).response?.mayBeDone).toBeUndefined();
  });

  test.each([
    ["nothing answers", undefined, 12],
    ["nobody listens", Object.assign(new Error("connect"), { code: "ECONNREFUSED" }), 5],
  ])("counts as attempts what must be done before a repetition, where %s", async (_what, cause, attempts) => {
    const lookError = failed("connection_failed", { sent: "all" }, failed("connection_failed", {}, cause));
    let looks = 0;
    const beforeRepeat = async () => {
      looks += 1;
      throw lookError;
    };

    const { error, sentAt } = await run({ ...manifest, beforeRepeat }, [
      failed("connection_failed", { sent: "nothing" }),
    ]);

    expect([sentAt.length, looks]).toEqual([1, attempts - 1]);
    expect(error).toMatchObject({ code: "connection_failed", context: { sent: "nothing" } });
  });

  test("does not forget a lost answer where the registry asks for too long a wait", async () => {
    const lost = failed("connection_failed", { sent: "all" });
    const { error } = await run(manifest, [lost, [429, { "retry-after": "3600" }]]);
    expect(error).toMatchObject({ code: "rate_limited", context: { sent: "all" } });
  });

  test("names the registry as users write it, and the tags that a request writes", async () => {
    const { events } = await run({ ...manifest, registry: "docker.io", tags: ["1", "2"] }, [502, 200]);
    expect(events).toMatchObject([{ type: "retry", registry: "docker.io", tags: ["1", "2"] }]);
  });

  test.each([408, 425, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524])(
    "repeats a manifest request after %i",
    async (status) => {
      const { response, attempts } = await run(manifest, [status, 200]);
      expect([response?.status, attempts]).toEqual([200, [1, 2]]);
    },
  );

  test.each([200, 201, 301, 400, 401, 403, 404, 405, 409, 413, 416, 501, 505, 507])(
    "gives %i back at once",
    async (status) => {
      const { response, attempts } = await run(manifest, [status]);
      expect([response?.status, attempts]).toEqual([status, [1]]);
    },
  );

  test("repeats transport errors, and throws the last when all twelve attempts failed", async () => {
    const { error, attempts } = await run(manifest, [failed("timeout"), failed("connection_failed")]);
    expect(error).toMatchObject({ code: "connection_failed" });
    expect(attempts).toHaveLength(12);
  });

  test("gives the last response back when all twelve attempts got one", async () => {
    const { response, attempts } = await run(manifest, [503]);
    expect([response?.status, attempts.length]).toEqual([503, 12]);
  });

  test("repeats no more often than the request itself says", async () => {
    const { response, sentAt } = await run({ ...manifest, attempts: 1 }, [[429, { "retry-after": "60" }], 200]);
    expect(response?.status).toBe(429);
    expect(sentAt).toEqual([0]);
  });

  test.each([
    [500, 2],
    [502, 2],
    [503, 12],
    [429, 12],
  ])("repeats what another request would do as well after %i: %i attempts", async (status, count) => {
    const { response, attempts } = await run({ ...manifest, isOptional: true }, [status]);
    expect([response?.status, attempts.length]).toEqual([status, count]);
  });

  test("does not repeat what will not mend itself", async () => {
    const { error, attempts } = await run(manifest, [failed("tls_failed")]);
    expect(error).toMatchObject({ code: "tls_failed" });
    expect(attempts).toHaveLength(1);
  });

  test.each([
    ["ENOTFOUND", 3],
    ["ECONNREFUSED", 5],
    ["PERHAPS_TLS", 5],
    ["ECONNRESET", 12],
    ["HEADERS_TOO_LONG", 3],
    ["MALFORMED_ANSWER", 3],
  ])("gives %s so many attempts: %i", async (code, count) => {
    const cause = Object.assign(new Error(code), { code });
    expect((await run(manifest, [failed("connection_failed", {}, cause)])).attempts).toHaveLength(count);
  });

  test("waits longer each time, with full jitter", async () => {
    const { events } = await run(manifest, [503, 503, 503, 200]);
    expect(events.map((event) => event.type === "retry" && event.delayMs)).toEqual([100, 200, 400]);
  });

  test("tells of each retry without the query", async () => {
    const { events } = await run(manifest, [502, 200]);
    expect(events).toMatchObject([
      { type: "retry", method: "GET", url: "https://r.example/v2/app/manifests/1", attempt: 1, why: "HTTP 502" },
    ]);
  });
});

describe("retry and Retry-After", () => {
  test("waits as long as asked, and at most a tenth longer", async () => {
    const { sentAt, response } = await run(manifest, [[429, { "retry-after": "60" }], 200], { draw: 0.99 });
    expect(response?.status).toBe(200);
    expect(sentAt[1]).toBeGreaterThanOrEqual(60_000);
    expect(sentAt[1]).toBeLessThan(67_000);
  });

  test.each([
    [429, "rate_limited"],
    [503, "unavailable"],
  ])("fails at once and says when to come back when %i asks for more than the cap", async (status, code) => {
    const { error, attempts } = await run(manifest, [[status, { "retry-after": "121" }]]);
    expect(attempts).toHaveLength(1);
    expect(error).toMatchObject({
      code,
      message: expect.stringContaining("2023-11-14T22:15:21"),
      context: { retryAfterMs: 121_000, status },
    });
  });

  test("follows a longer wait when the cap is raised", async () => {
    const { response } = await run(manifest, [[429, { "retry-after": "200" }], 200], { maxRetryAfterMs: 300_000 });
    expect(response?.status).toBe(200);
  });

  test("compares a date with the machine's, which may have been set since", async () => {
    const hourMs = 3_600_000;
    const until = new Date(fakeClock().now() + hourMs + 60_000).toUTCString();
    const { sentAt } = await run(manifest, [[429, { "retry-after": until }], 200], { dateAheadMs: hourMs });
    expect(sentAt[1]).toBeGreaterThanOrEqual(60_000);
    expect(sentAt[1]).toBeLessThan(67_000);
  });

  test("never waits beyond the cap and a tenth, whatever the header says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.nat().map(String)), async (header) => {
        const value = header.replace(/[^\x20-\x7e]/g, "");
        const { events, error } = await run(manifest, [[429, { "retry-after": value }], 200]);
        for (const event of events) expect(event.type === "retry" ? event.delayMs : 0).toBeLessThanOrEqual(132_000);
        expect(events.length + (error ? 1 : 0)).toBe(1);
      }),
      { numRuns: 30 },
    );
  });
});

describe("retry and uploads", () => {
  test.each([408, 500, 502, 503, 504])(
    "leaves %i to the upload, which may have bytes at the registry",
    async (status) => {
      const { response, attempts } = await run(upload, [status]);
      expect([response?.status, attempts.length]).toEqual([status, 1]);
    },
  );

  test("leaves a broken connection to the upload when bytes had left, and repeats when none had", async () => {
    expect((await run(upload, [failed("connection_failed", { sent: "some" })])).attempts).toHaveLength(1);
    expect((await run(upload, [failed("timeout", { sent: "all" })])).attempts).toHaveLength(1);
    expect((await run(upload, [failed("connection_failed", { sent: "nothing" }), 201])).response?.status).toBe(201);
  });

  test("repeats after 429, and repeats anything when the request has no content", async () => {
    expect((await run(upload, [429, 201])).response?.status).toBe(201);
    expect((await run({ ...upload, body: new Uint8Array(0) }, [503, 201])).response?.status).toBe(201);
  });
});

test("retry stops when the origin's budget is spent, and other origins keep theirs", async () => {
  const clock = fakeClock();
  let sent = 0;
  const send = retry({ clock, random: () => 0, report: () => undefined })(async (request) => {
    sent += 1;
    return respond(503, {}, request.url);
  });
  const ask = async (address: string) => {
    let done = false;
    const state = { done: () => done };
    void send({ method: "GET", url: address }).then(() => (done = true));
    while (!state.done()) await clock.advanceSlowly(1000);
  };
  for (let round = 0; round < 10; round += 1) await ask("https://a.example/");
  expect(sent).toBe(10 + 50);
  await ask("https://b.example/");
  expect(sent).toBe(60 + 12);
});

test("retry stops waiting and leaves no timer when the signal aborts", async () => {
  const clock = fakeClock();
  const controller = new AbortController();
  const send = retry({ clock, random: () => 0.9, report: () => undefined })(async () => respond(503));
  const sending = expect(send({ ...manifest, signal: controller.signal })).rejects.toMatchObject({ code: "cancelled" });
  await clock.advanceSlowly(1, 1);
  controller.abort();
  await sending;
  expect(clock.pending).toBe(0);
});

describe("retry, when a token service limits us", () => {
  const limited = (retryAfterMs?: number) =>
    new WaybillError("rate_limited", "Cannot get a token", { sent: "nothing", ...(retryAfterMs && { retryAfterMs }) });

  test("retry waits as long as the token service asks, for uploads too", async () => {
    const { response, sentAt } = await run(upload, [limited(7000), 201]);
    expect(response?.status).toBe(201);
    expect(sentAt[1]).toBeGreaterThanOrEqual(7000);
  });

  test("retry gives up at once when the token service asks for longer than the cap", async () => {
    const { error, sentAt } = await run(manifest, [limited(121_000), 200]);
    expect(error).toMatchObject({
      code: "rate_limited",
      message: expect.stringMatching(/^Cannot get a token: it asks to wait 121 s, until 20/),
      context: { retryAfterMs: 121_000, advice: "Try again then, or raise --max-retry-after" },
    });
    expect(sentAt).toHaveLength(1);
  });
});

describe("retry and the origin's budget", () => {
  /** Sends all at once to something that always fails as `fail` says, and counts what is sent. */
  async function storm(
    requests: readonly HttpRequest[],
    fail: (request: HttpRequest) => HttpResponse,
    options: { isHolding?: () => boolean } = {},
  ): Promise<number> {
    const clock = fakeClock();
    let sent = 0;
    const send = retry({ clock, random: () => 0, report: () => undefined, attempts: 3, ...options })(async (
      request,
    ) => {
      sent += 1;
      return fail(request);
    });
    let settled = 0;
    for (const request of requests) void send(request).then(count, count);
    function count() {
      settled += 1;
    }
    while (settled < requests.length) await clock.advanceSlowly(1000);
    return sent;
  }
  const many = (count: number, request: HttpRequest) => Array.from({ length: count }, () => request);

  test("pays nothing for what waits with everything else to its origin", async () => {
    expect(await storm(many(100, manifest), () => respond(503))).toBe(150);
    expect(await storm(many(100, manifest), () => respond(503), { isHolding: () => true })).toBe(300);
  });

  test("pays once for a failure that many requests share", async () => {
    const oneFailure = failed("timeout");
    const shared = await storm(many(100, manifest), () => {
      throw oneFailure;
    });
    const own = await storm(many(100, manifest), () => {
      throw failed("timeout");
    });
    expect([shared, own]).toEqual([300, 150]);
  });

  test("has twenty retries for tags when all else is spent", async () => {
    const tags = many(100, { ...manifest, method: "PUT", operation: "tag" });
    expect(await storm([...many(100, manifest), ...tags], () => respond(503))).toBe(200 + 50 + 20);
  });

  test("counts what a storage or a token service fails at against that place", async () => {
    const elsewhere = (request: HttpRequest) => {
      if (request.operation === "blob") return respond(503, {}, "https://storage.example/x");
      if (request.operation === "list") throw failed("timeout", { origin: "https://token.example" });
      return respond(503);
    };
    const requests = (["blob", "list", "manifest"] as const).flatMap((operation) =>
      many(60, { ...manifest, operation }),
    );
    expect(await storm(requests, elsewhere)).toBe(180 + 3 * 50);
  });
});

test("retry and throttle bring all requests through when more than the budget pays for break at once", async () => {
  const clock = fakeClock();
  const load = throttle({ clock, random: Math.random, report: () => undefined });
  let isDown = false;
  const network: Send = async (request) => {
    await sleep(clock, 20);
    if (isDown) throw failed("connection_failed", { sent: "all", origin: "https://r.example" });
    return respond(201, { "content-length": "0" }, request.url);
  };
  const options = { clock, random: Math.random, report: () => undefined, isHolding: load.isHolding };
  const send = intercept(network, retry(options), load.interceptor);
  const statuses: (number | undefined)[] = [];
  const all = Array.from({ length: 300 }, async () => {
    const response = await send({ method: "POST", url, operation: "upload-open" }).catch(() => undefined);
    statuses.push(response?.status);
  });
  // By the second round 64 are under way.
  await clock.advanceSlowly(30, 5);
  isDown = true;
  await clock.advanceSlowly(1000, 5);
  isDown = false;
  await clock.advanceSlowly(30_000, 5);
  await Promise.all(all);
  expect(statuses).toEqual(Array.from({ length: 300 }, () => 201));
  expect(clock.pending).toBe(0);
});
