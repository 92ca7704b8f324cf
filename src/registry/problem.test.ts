import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { respond } from "../../test/support/responses.ts";
import { silent } from "../telemetry/events.ts";
import { accessTo, type Access } from "./access.ts";
import { problemOf, readProblem } from "./problem.ts";
import { unknownRegistry } from "./quirks.ts";

function access(): Access {
  const send = () => Promise.reject(new Error("no request is sent here"));
  const base = { send, clock: fakeClock(), random: () => 0.5, report: silent, quirks: unknownRegistry() };
  return accessTo({ ...base, host: "ghcr.io", baseUrl: "https://ghcr.io" }, "acme/app");
}

function answer(status: number, body: unknown = "", headers: Record<string, string> = {}) {
  return respond({ method: "PUT", url: "https://ghcr.io/v2/acme/app/manifests/v1" }, status, { body, headers });
}

const errors = (code: string, message: string) => ({ errors: [{ code, message }] });

describe("problemOf", () => {
  test("problemOf says what could not be done, where, and what was seen", async () => {
    const error = await problemOf(
      access(),
      answer(403, errors("denied", "no \u001b[31mway")),
      "Cannot push manifest to",
    );
    expect(error.message).toBe('Cannot push manifest to "ghcr.io/acme/app": 403 DENIED "no \\u001b[31mway"');
    expect(error.context).toMatchObject({
      registry: "ghcr.io",
      repository: "acme/app",
      status: 403,
      registryCode: "DENIED",
    });
  });

  test("problemOf ends with buildx's words for what is not there", async () => {
    const error = await problemOf(access(), answer(404, errors("MANIFEST_UNKNOWN", "unknown")), 'Cannot read "v1" in');
    expect(error.message).toBe('Cannot read "v1" in "ghcr.io/acme/app": 404 MANIFEST_UNKNOWN "unknown": not found');
  });

  const table: readonly (readonly [number, unknown, string])[] = [
    [401, "", "auth_required"],
    [403, "", "auth_denied"],
    [403, errors("DENIED", "adding 5 MiB would exceed the quota of project"), "quota_exceeded"],
    [412, errors("PRECONDITION", "quota exceeded"), "quota_exceeded"],
    [500, errors("UNKNOWN", "Quota exceeded when processing the request"), "quota_exceeded"],
    [402, "", "quota_exceeded"],
    [507, "", "quota_exceeded"],
    [429, "<html>slow down", "rate_limited"],
    [403, errors("TOOMANYREQUESTS", "rate limit"), "rate_limited"],
    [404, "", "not_found"],
    [404, errors("BLOB_UPLOAD_UNKNOWN", ""), "upload_unknown"],
    [405, "", "unsupported"],
    [409, "", "busy"],
    [412, "", "precondition_failed"],
    [413, "", "too_large"],
    [413, errors("SIZE_INVALID", ""), "too_large"],
    [400, errors("MANIFEST_INVALID", "unknown media type"), "rejected"],
    [400, errors("DIGEST_INVALID", ""), "digest_mismatch"],
    ...[408, 425, 499, 500, 502, 503, 504, 520, 524].map((status) => [status, "", "unavailable"] as const),
    ...[501, 505].map((status) => [status, "", "unsupported"] as const),
    [508, "", "rejected"],
    [418, "", "rejected"],
  ];
  test.each(table)("problemOf calls %i with %j %s", async (status, body, code) => {
    expect((await problemOf(access(), answer(status, body), "Cannot")).code).toBe(code);
  });

  test.each([401, 403])("problemOf says which host answered %i where the registry led elsewhere", async (status) => {
    const url = "https://storage.example/blob?X-Amz-Signature=secret";
    const error = await problemOf(access(), { ...answer(status), url }, "Cannot read blob from");
    expect(error.message).toBe(
      `Cannot read blob from "ghcr.io/acme/app": ${status}, from "storage.example", which the registry led to`,
    );
    expect(error.context.origin).toBe("https://storage.example");
    expect(error.context.advice).toMatch(/look at its storage$/);
  });

  test("problemOf tells how long to wait", async () => {
    const error = await problemOf(access(), answer(429, "", { "retry-after": "12" }), "Cannot");
    expect(error.context.retryAfterMs).toBe(12_000);
  });

  test("problemOf knows the words of a server for TLS", async () => {
    const said = "Client sent an HTTP request to an HTTPS server.\n";
    const error = await problemOf(access(), answer(400, said), "Cannot");
    expect(error.context.advice).toMatch(/speaks TLS: leave --plain-http out$/);
  });

  test("problemOf quotes no web page", async () => {
    const error = await problemOf(
      access(),
      answer(502, "<html>secret</html>", { "content-type": "text/html" }),
      "Cannot",
    );
    expect(error.message).not.toContain("secret");
  });
});

describe("readProblem", () => {
  test("readProblem stops reading after 64 KiB", async () => {
    let pulled = 0;
    async function* endless() {
      for (;;) yield Buffer.alloc(1024, (pulled++, "x"));
    }
    const problem = await readProblem({ ...answer(500), body: endless() });
    expect(problem.detail).toBe("");
    expect(pulled).toBeLessThan(100);
  });

  test("readProblem never throws, whatever the body", async () => {
    const hostile = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constant("[".repeat(5000)),
      fc.jsonValue().map((value) => JSON.stringify({ errors: value })),
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 100, max: 599 }), hostile, async (status, body) => {
        const problem = await readProblem(answer(status, body));
        expect(problem.detail.length).toBeLessThanOrEqual(500);
      }),
    );
  });
});
