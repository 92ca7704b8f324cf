import { describe, expect, test } from "vitest";
import { sleep } from "../src/async/clock.ts";
import { isComplete } from "../src/transfer/result.ts";
import { WaybillError } from "../src/errors.ts";
import { openBody } from "../src/http/body.ts";
import type { HttpRequest, Interceptor } from "../src/http/send.ts";
import { respond } from "../src/server/answer.ts";
import { faulty } from "../src/server/faults.ts";
import { hosts, makeCase, publishIn, registries, targets, untouched, untruths } from "./support/publish-case.ts";
import { simulate, type Simulation } from "./support/simulation.ts";
import { isUploadStep, strikeOften } from "./support/torture-faults.ts";

describe("an observer", () => {
  async function publish(seed: number, onEvent?: () => void) {
    const at = await makeCase();
    const simulation = await simulate({
      seed,
      storages: at.storages,
      registries,
      faults: strikeOften(0.05),
      ...(onEvent && { onEvent }),
    });
    const result = await simulation.settle(publishIn(simulation));
    // That an observer has missed something is told to it, and to nobody else.
    const isDrop = ({ type }: { readonly type: string }) => type === "telemetry-drop";
    const events = simulation.events.filter((event) => !isDrop(event));
    const drops = simulation.events.filter(isDrop).length;
    return { trace: simulation.trace, events, drops, tags: result.targets.map(({ tags }) => tags) };
  }

  test("that throws at every event changes nothing of what happens", async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const calm = await publish(seed);
      const thrown = await publish(seed, () => {
        throw new Error("a listener with a bug");
      });
      expect(thrown).toEqual(calm);
    }
  });

  test("that throws at the n-th event changes nothing of what happens, whatever n", async () => {
    const calm = await publish(7);
    for (let at = 0; at < calm.events.length; at += 11) {
      let count = 0;
      const thrown = await publish(7, () => {
        if (count++ === at) throw new Error("a listener with a bug");
      });
      expect(thrown, `event ${at}`).toEqual({ ...calm, drops: at < calm.events.length - 1 ? 1 : 0 });
    }
  });
});

interface LateAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A source whose blobs break off in the middle and are gone then, while the destination waits and then answers all the same. */
function crossing(
  clock: Simulation["clock"],
  answer: { status: number; headers?: Record<string, string> },
): Interceptor {
  return (next) => {
    const isBlob = ({ url, method }: HttpRequest) =>
      new URL(url).host === hosts.source && method === "GET" && url.includes("/blobs/");
    const isRest = (request: HttpRequest) => isBlob(request) && request.headers?.["range"] !== undefined;
    const times = Number.POSITIVE_INFINITY;
    const source = faulty(next, [
      { when: isRest, fault: { kind: "status", status: 404 }, times },
      { when: isBlob, fault: { kind: "cut", afterBytes: 3 }, times },
    ]);
    return (request) => (isStalled(request) ? stalled(request, clock, answer) : source(request));
  };
}

function isStalled(request: HttpRequest): boolean {
  return new URL(request.url).host === hosts.first && isUploadStep(request) && request.body !== undefined;
}

async function stalled(request: HttpRequest, clock: Simulation["clock"], answer: LateAnswer) {
  // The body's failure is nothing to this server: it goes on waiting, and answers late.
  await drained(request);
  await sleep(clock, 3000, request.signal);
  return respond(request, answer);
}

async function drained(request: HttpRequest): Promise<void> {
  try {
    for await (const _ of openBody(request).body);
  } catch {
    return;
  }
}

describe("a source that fails while the destination stalls and then answers", () => {
  const challenge = `Bearer realm="https://${hosts.first}/token",service="waybill",error="invalid_token"`;
  test.each<LateAnswer>([
    { status: 408 },
    { status: 429 },
    { status: 429, headers: { "retry-after": "2" } },
    { status: 401, headers: { "www-authenticate": challenge } },
    { status: 503 },
    { status: 201 },
  ])("comes to one outcome, typed and true: $status", async (answer) => {
    for (const onError of ["abort", "keep-going"] as const) {
      const at = await makeCase();
      const simulation = await simulate({
        storages: at.storages,
        roots: [at.root, at.old],
        registries,
        faults: ({ clock }) => crossing(clock, answer),
        latencyMs: (random) => Math.floor(random() * 5),
      });
      const result = await simulation.settle(publishIn(simulation, { onError }));

      for (const [index, target] of result.targets.entries()) {
        expect(isComplete(target)).toBe(false);
        if (!target.heldBack) expect(target.error).toBeInstanceOf(WaybillError);
        expect(untouched(at, index), targets[index]!.host).toBe(true);
      }
      const ended = simulation.events.filter(({ type }) => type === "work-done");
      expect(ended).toHaveLength(targets.length);
      expect(untruths(result, at)).toEqual([]);
      expect(simulation.violations).toEqual([]);
      expect(await simulation.leftovers()).toEqual([]);
    }
  });
});
