import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { respond } from "../../../test/support/responses.ts";
import type { HttpRequest } from "../../http/send.ts";
import { watchAnswers } from "./answers.ts";

const request: HttpRequest = { method: "GET", url: "https://r.example/v2/", registry: "r.example" };

/** What is known after an answer with `headers` that took `tookMs`. */
async function after(headers: Readonly<Record<string, string>>, { tookMs = 0, ask = request } = {}) {
  const clock = fakeClock();
  const answers = watchAnswers(clock);
  const send = answers.observe(async (it) => {
    clock.advance(tookMs);
    return respond(it, 200, { headers });
  });
  const startedAt = clock.now();
  await send(ask);
  return { skew: answers.skewOf("r.example"), limit: answers.limitOf("r.example"), startedAt };
}

describe("watchAnswers", () => {
  test("tells how far a registry's clock is, and how sure that is", async () => {
    const date = new Date(fakeClock().now() + 90_000).toUTCString();

    const { skew, startedAt } = await after({ date }, { tookMs: 200 });

    expect(skew?.uncertainMs).toBe(600);
    expect(Math.abs(skew!.skewMs - (Date.parse(date) + 500 - startedAt - 100))).toBe(0);
  });

  test("knows nothing without a date that can be read", async () => {
    expect((await after({})).skew).toBeUndefined();
    expect((await after({ date: "yesterday" })).skew).toBeUndefined();
  });

  test("keeps the surest of several answers", async () => {
    const clock = fakeClock();
    const answers = watchAnswers(clock);
    const delays = [500, 20, 900];
    const send = answers.observe(async (it) => {
      clock.advance(delays.shift() ?? 0);
      return respond(it, 200, { headers: { date: new Date(clock.now()).toUTCString() } });
    });
    for (let round = 0; round < 3; round++) await send(request);

    expect(answers.skewOf("r.example")?.uncertainMs).toBe(510);
  });

  test.each([
    [
      { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600", "docker-ratelimit-source": "192.0.2.7" },
      { limit: 100, remaining: 76, windowSeconds: 21600, countedFor: "192.0.2.7" },
    ],
    [
      { "x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0" },
      { limit: 5000, remaining: 0 },
    ],
    [{ "x-ratelimit-remaining": "7" }, { remaining: 7 }],
    [{ "ratelimit-limit": "100" }, undefined],
    [{ "x-ratelimit-remaining": "many" }, undefined],
    [{ "x-ratelimit-remaining": "7".repeat(40) }, undefined],
  ])("reads the limits in %j", async (headers, limit) => {
    expect((await after(headers as Record<string, string>)).limit).toEqual(limit);
  });

  test.each([
    ["a token service", { operation: "token" as const }],
    ["a place that the registry led to", { ledBy: "https://r.example" as HttpRequest["ledBy"] & string }],
    ["a request for no registry", { registry: undefined }],
  ])("does not take the word of %s", async (_who, rest) => {
    const ask = { ...request, ...rest } as HttpRequest;
    expect(await after({ date: new Date(0).toUTCString(), "ratelimit-remaining": "1" }, { ask })).toMatchObject({
      skew: undefined,
      limit: undefined,
    });
  });
});
