import { describe, expect, test } from "vitest";
import { exitCodeOf } from "../src/cli/exit-code.ts";
import { outcomeError } from "../src/cli/outcome.ts";
import type { HttpRequest } from "../src/http/send.ts";
import { faulty, type FaultRule } from "../src/server/faults.ts";
import type { CreateRequest } from "../src/verbs/create.ts";
import { makeCase, publishIn, registries, targets, untouched, untruths } from "./support/publish-case.ts";
import { simulate } from "./support/simulation.ts";
import { answer } from "./support/three-registries.ts";

const [, second] = targets;

/** Manifests or blobs of the second target are not shown by their digests. */
function unreadable(part: "manifests" | "blobs", mostRefusals = Infinity): FaultRule {
  let refusals = 0;
  const isRead = ({ method, url }: HttpRequest) =>
    /^(?:HEAD|GET)$/.test(method) && new URL(url).host === second?.host && url.includes(`/${part}/sha256:`);
  return {
    when: (request) => isRead(request) && refusals++ < mostRefusals,
    times: Infinity,
    fault: answer(403, "DENIED", "requested access to the resource is denied"),
  };
}

async function publishTo(rules: readonly FaultRule[], request: Partial<CreateRequest>) {
  const at = await makeCase();
  const simulation = await simulate({
    storages: at.storages,
    registries,
    faults: () => (next) => faulty(next, rules),
  });
  const startedAt = simulation.clock.now();
  const result = await simulation.settle(publishIn(simulation, request));
  const error = outcomeError(result);
  return {
    at,
    result,
    error,
    exitCode: error === undefined ? 0 : exitCodeOf(error),
    tookMs: simulation.clock.now() - startedAt,
  };
}

describe("a registry that does not show what this account has pushed", () => {
  test.each([
    ["manifests", { verify: "manifests" }, "403 DENIED"],
    // An answer to HEAD has no words.
    ["blobs", { verify: "full" }, "acknowledged, but 403"],
  ] as const)("is not waited for like one that is late, and its words are told: %s", async (part, request, words) => {
    const { at, result, error, exitCode, tookMs } = await publishTo([unreadable(part)], request);

    expect(exitCode).toBe(4);
    expect(error).toMatchObject({ code: "auth_denied", message: expect.stringContaining(words) });
    expect(result.targets[1]?.error).toMatchObject({ context: { advice: expect.stringContaining("--verify ack") } });
    expect([untouched(at, 0), untouched(at, 1)]).toEqual([true, true]);
    expect(untruths(result, at)).toEqual([]);
    expect(tookMs).toBeLessThan(10_000);
  });

  test("is believed with --verify ack", async () => {
    const { exitCode } = await publishTo([unreadable("manifests"), unreadable("blobs")], { verify: "ack" });

    expect(exitCode).toBe(0);
  });

  test("is asked again, since it may only be late", async () => {
    const { exitCode, tookMs } = await publishTo([unreadable("blobs", 4)], { verify: "full", referrers: "none" });

    expect(exitCode).toBe(0);
    expect(tookMs).toBeGreaterThan(0);
  });
});
