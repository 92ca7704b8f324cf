import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { faulty, type FaultRule } from "../server/faults.ts";
import { createMemoryStorage } from "../server/memory-storage.ts";
import { createRegistry } from "../server/registry.ts";
import type { Send } from "../http/send.ts";
import { silent } from "../telemetry/events.ts";
import { accessTo } from "./access.ts";
import { unknownRegistry } from "./quirks.ts";
import { probeUpload } from "./upload-probe.ts";

async function probed(...rules: readonly FaultRule[]) {
  const requests: string[] = [];
  const clock = fakeClock();
  const send: Send = faulty(createRegistry(createMemoryStorage(), { clock }), rules);
  const counted: Send = (request) => (requests.push(request.method), send(request));
  const world = {
    host: "r.example",
    baseUrl: "https://r.example",
    send: counted,
    clock,
    random: () => 0,
    report: silent,
  };
  const outcome = await probeUpload(accessTo({ ...world, quirks: unknownRegistry() }, "a/b")).catch(
    (error: unknown) => error,
  );
  return { outcome, requests };
}

describe("probeUpload", () => {
  test("opens, sends, asks, cancels: in four requests, none of which commits", async () => {
    const { outcome, requests } = await probed();

    expect(outcome).toEqual({ sentBytes: 1024, heldBytes: 1024, isCancelled: true });
    expect(requests).toEqual(["POST", "PATCH", "GET", "DELETE"]);
  });

  test("tells where the status is not told, and where cancelling is refused", async () => {
    const { outcome } = await probed(
      { method: "GET", fault: { kind: "status", status: 404 } },
      { method: "DELETE", fault: { kind: "status", status: 405 } },
    );

    expect(outcome).toEqual({ sentBytes: 1024, isCancelled: false });
  });

  test.each(["PATCH", "GET"] as const)("cancels also when %s fails", async (method) => {
    const { outcome, requests } = await probed({ method, fault: { kind: "refuse" } });

    expect(outcome).toMatchObject({ code: "connection_failed" });
    expect(requests.at(-1)).toBe("DELETE");
  });

  test("throws what refuses the upload, or its bytes", async () => {
    expect((await probed({ method: "POST", fault: { kind: "status", status: 403 } })).outcome).toMatchObject({
      code: "auth_denied",
    });
    const refused = await probed({ method: "PATCH", fault: { kind: "status", status: 413 } });
    expect(refused.outcome).toMatchObject({ code: "too_large" });
    expect(refused.requests.at(-1)).toBe("DELETE");
  });
});
