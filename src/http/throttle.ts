import type { Clock } from "../async/clock.ts";
import type { Lanes, Release } from "../async/lanes.ts";
import { createLanes } from "../async/lanes.ts";
import { withDeadline } from "../async/deadline.ts";
import { hasCode } from "../errors.ts";
import { afterBody } from "./after-body.ts";
import type { Concurrency, ConcurrencyEvent } from "./concurrency.ts";
import { initialConcurrency, stepConcurrency } from "./concurrency.ts";
import type { OwnLoad } from "./own-load.ts";
import type { HttpRequest, HttpResponse, Interceptor, Operation, Origin } from "./send.ts";
import { originOf } from "./send.ts";

export interface ThrottleOptions {
  readonly clock: Clock;
  /** Slots that only manifests, tokens and tags may use, beside the others; default 8. */
  readonly reserved?: number;
  /** How busy this process is itself: while it is, late answers are not blamed on the registry. Default never. */
  readonly ownLoad?: OwnLoad;
}

interface Gate {
  readonly reading: Lanes;
  readonly writing: Lanes;
  state: Concurrency;
}

/**
 * How long an upload waits for a slot before it goes ahead without one. Uploads may depend on each other: one read feeds uploads
 * to several registries in step, so a slot here may be waiting for a slot there. Nobody waits for ever.
 */
const patienceMs = 5000;

/**
 * Limits how many requests each origin has at the same time, and learns how many it bears: more while its answers stay fast,
 * half after 429, 503 or a doubled latency that is not our own doing.
 *
 * Uploads have slots of their own, because their bodies come from reads. A slot is held until the response's body has ended,
 * except by blobs, which give it back with their headers: their bodies move only as fast as uploads elsewhere take them.
 */
export function throttle({ clock, reserved = 8, ownLoad = () => 0 }: ThrottleOptions): Interceptor {
  const gates = new Map<Origin, Gate>();

  function gateOf(origin: Origin): Gate {
    const gate = gates.get(origin) ?? createGate(reserved);
    gates.set(origin, gate);
    return gate;
  }

  return (next) => async (request) => {
    const gate = gateOf(originOf(request.url));
    const release = await enter(gate, request, clock);
    request.marks?.add("admitted");
    const startedAt = clock.now();
    try {
      const response = await next(request);
      learn(gate, request, response, { latencyMs: clock.now() - startedAt, ownLoad: ownLoad() });
      return holdsSlot(request, response) ? afterBody(response, release) : released(response, release);
    } catch (error) {
      release();
      if (isCalmAsked(error)) step(gate, { type: "overloaded" });
      throw error;
    }
  };
}

function createGate(reserved: number): Gate {
  const { limit } = initialConcurrency;
  return { reading: createLanes({ limit, reserved }), writing: createLanes({ limit }), state: initialConcurrency };
}

const urgent: ReadonlySet<Operation | undefined> = new Set<Operation | undefined>([
  "manifest",
  "token",
  "list",
  "ping",
  "upload-control",
]);

async function enter(gate: Gate, request: HttpRequest, clock: Clock): Promise<Release> {
  const signal = request.signal ? { signal: request.signal } : {};
  if (request.operation !== "upload-body")
    return gate.reading.acquire({ ...signal, urgent: urgent.has(request.operation) });
  if (gate.writing.active < gate.writing.limit) return gate.writing.acquire(signal);
  try {
    return await withDeadline(clock, patienceMs, (inTime) => gate.writing.acquire({ signal: inTime }), signal);
  } catch (error) {
    if (request.signal?.aborted || !hasCode(error, "timeout")) throw error;
    return () => undefined;
  }
}

/** Until its body has ended, where it can have one. */
function holdsSlot({ method, operation }: HttpRequest, { status, headers }: HttpResponse): boolean {
  const isEmpty = method === "HEAD" || status === 204 || status === 304 || headers.get("content-length") === "0";
  return !isEmpty && operation !== "blob";
}

function released(response: HttpResponse, release: Release): HttpResponse {
  release();
  return response;
}

/** HTTP/2's own way to say 429: a stream reset with ENHANCE_YOUR_CALM. */
function isCalmAsked(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof Error && error.cause.message.includes("ENHANCE_YOUR_CALM");
}

function learn(
  gate: Gate,
  request: HttpRequest,
  response: HttpResponse,
  seen: { readonly latencyMs: number; readonly ownLoad: number },
): void {
  const overloaded = response.status === 429 || response.status === 503;
  // How long an upload takes says more about its size than about the registry.
  if (!overloaded && request.operation === "upload-body") return;
  step(gate, overloaded ? { type: "overloaded" } : { type: "answered", ...seen });
}

function step(gate: Gate, event: ConcurrencyEvent): void {
  gate.state = stepConcurrency(gate.state, event);
  gate.reading.limit = gate.state.limit;
  gate.writing.limit = gate.state.limit;
}
