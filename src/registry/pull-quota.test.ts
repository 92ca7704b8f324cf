import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { headersFrom } from "../http/headers.ts";
import type { Send } from "../http/send.ts";
import { faulty } from "../server/faults.ts";
import { createMemoryStorage } from "../server/memory-storage.ts";
import { createRegistry } from "../server/registry.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
import { pullQuotaIn } from "./pull-quota.ts";
import { openRegistry } from "./registry.ts";

const hub = { "ratelimit-remaining": "76;w=21600", "ratelimit-limit": "100;w=21600" };

describe("pullQuotaIn", () => {
  test.each([
    [hub, { remaining: 76, limit: 100, windowSeconds: 21600 }],
    [{ "RateLimit-Remaining": "0;w=3600" }, { remaining: 0, windowSeconds: 3600 }],
    [{ "ratelimit-remaining": ";w=21600", "ratelimit-limit": ";w=21600" }, undefined],
    [{ "ratelimit-remaining": "1999", "ratelimit-limit": "2000" }, undefined],
    [{ "ratelimit-remaining": "-1;w=5" }, undefined],
    [{ "ratelimit-remaining": `${"9".repeat(400)};w=5` }, undefined],
    [{}, undefined],
  ])("reads %o as %o", (headers, quota) => {
    expect(pullQuotaIn(headersFrom(headers))).toEqual(quota);
  });
});

test("a registry's quota is told once, and kept up to date among what is known of its repositories", async () => {
  const events: WaybillEvent[] = [];
  const seen: string[] = [];
  const registry = createRegistry(createMemoryStorage());
  const counting: Send = faulty(
    (request) => {
      seen.push(request.method);
      return registry(request);
    },
    [
      { fault: { kind: "headers", set: hub } },
      { times: Infinity, fault: { kind: "headers", set: { ...hub, "ratelimit-remaining": "75;w=21600" } } },
    ],
  );
  const report = (event: WaybillEvent) => void events.push(event);
  const wire = { send: counting, clock: fakeClock(), random: () => 0, report, baseUrl: "https://registry-1.docker.io" };
  const repository = openRegistry("docker.io", wire).repository("acme/app");

  expect(repository.facts?.().pullQuota).toBeUndefined();
  await repository.tagged("1");
  await repository.tagged("2");

  expect(repository.facts?.().pullQuota).toEqual({ remaining: 75, limit: 100, windowSeconds: 21600 });
  expect(events).toMatchObject([{ type: "pull-quota", registry: "docker.io", remaining: 76, limit: 100 }]);
  // A GET would count as a pull.
  expect(seen).toEqual(["HEAD", "HEAD"]);
});
