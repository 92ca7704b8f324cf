import { describe, expect, test } from "vitest";
import type { HttpRequest } from "../src/http/send.ts";
import { faulty, type FaultRule } from "../src/server/faults.ts";
import type { CreateRequest } from "../src/verbs/create.ts";
import { publishUnder, targets, untouched, untruths } from "./support/publish-case.ts";
import { answer } from "./support/three-registries.ts";

const [, second] = targets;

/** Whether manifests or blobs of the second target are asked for by their digests. */
function isReadOf(part: "manifests" | "blobs") {
  return ({ method, url }: HttpRequest) =>
    /^(?:HEAD|GET)$/.test(method) && new URL(url).host === second?.host && url.includes(`/${part}/sha256:`);
}

/** They are not shown. */
function unreadable(part: "manifests" | "blobs", mostRefusals = Infinity): FaultRule {
  let refusals = 0;
  const isRead = isReadOf(part);
  return {
    when: (request) => isRead(request) && refusals++ < mostRefusals,
    times: Infinity,
    fault: answer(403, "DENIED", "requested access to the resource is denied"),
  };
}

function publishTo(rules: readonly FaultRule[], request: Partial<CreateRequest>) {
  return publishUnder(() => (next) => faulty(next, rules), request);
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

  test("is not taken at its word by one refusal after it was only late", async () => {
    const asked = new Map<string, number>();
    const count = ({ url }: HttpRequest) => asked.set(url, (asked.get(url) ?? 0) + 1).get(url) ?? 0;
    const isBlob = isReadOf("blobs");
    // Late for 3.75 s, as often as it is asked in that time; then it refuses once.
    const rules: readonly FaultRule[] = [
      {
        when: (request) => isBlob(request) && count(request) <= 5,
        times: Infinity,
        fault: answer(404, "BLOB_UNKNOWN", "blob unknown to registry"),
      },
      { ...unreadable("blobs"), when: (request) => isBlob(request) && asked.get(request.url) === 6 },
    ];

    const { exitCode, tookMs } = await publishTo(rules, { verify: "full", referrers: "none" });

    expect(tookMs).toBeGreaterThan(7000);
    expect(exitCode).toBe(0);
  });

  test("has its tags written, and told as not seen, where it does not show them", async () => {
    let isWritten = false;
    const rule: FaultRule = {
      when({ method, url }) {
        const isTag = new URL(url).host === second?.host && /\/manifests\/(?!sha256)/.test(url);
        isWritten ||= isTag && method === "PUT";
        return isTag && isWritten && method !== "PUT";
      },
      times: Infinity,
      fault: answer(403, "DENIED", "requested access to the resource is denied"),
    };

    const { at, result, exitCode, tookMs } = await publishTo([rule], { verify: "manifests" });

    expect(exitCode).toBe(3);
    expect(result.targets[1]?.error).toMatchObject({ code: "auth_denied" });
    expect(untruths(result, at)).toEqual([]);
    expect(tookMs).toBeLessThan(10_000);
  });
});
