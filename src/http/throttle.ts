import { hasCode, WaybillError } from "../errors.ts";
import { afterBody } from "./after-body.ts";
import { isBodiless } from "./body.ts";
import { Gate, type GateOptions, type OriginLimit, type Pass } from "./gate.ts";
import type { OwnLoad } from "../async/own-load.ts";
import { defaultMaxRetryAfterMs, askedWaitMs } from "./retry-after.ts";
import { isPassingStatus } from "./retry-policy.ts";
import type { HttpRequest, HttpResponse, Interceptor, Origin } from "./send.ts";
import { originOf } from "./url.ts";

export interface ThrottleOptions extends Omit<GateOptions, "limit"> {
  /** How busy this process is itself: while it is, late answers are not blamed on the registry. Default never. */
  readonly ownLoad?: OwnLoad;
  /** The longest `Retry-After` that all requests of an origin wait for, in milliseconds; default 120,000. */
  readonly maxRetryAfterMs?: number;
  /** What the user allows towards an origin. Default: as much as it bears. */
  readonly limitOf?: (origin: Origin) => OriginLimit | undefined;
}

/** What is known of each origin, and what follows from it. */
export interface Throttle {
  readonly interceptor: Interceptor;
  /** Whether requests to the origin are held back at the moment: one that is repeated then waits like the others. */
  readonly isHolding: (origin: Origin) => boolean;
}

/**
 * Limits how many requests each origin has at the same time and in a second, and learns how many it bears: more while its answers
 * stay fast, half after 429, 503, an upload that stood still or a doubled latency that is not our own doing, and after 429 no
 * faster than it let them through. After a `Retry-After` with 429 all requests wait. When an origin fails five times in a row,
 * all wait for one that goes ahead; its failure counts for all.
 *
 * Uploads have slots of their own, because their bodies come from reads. A slot is held until the response's body has ended,
 * except by blobs, which give it back with their headers: their bodies move only as fast as uploads elsewhere take them.
 */
export function throttle(options: ThrottleOptions): Throttle {
  const { clock, limitOf, ownLoad = () => 0 } = options;
  const gates = new Map<Origin, Gate>();

  function gateFor({ url, registry }: HttpRequest): Gate {
    const origin = originOf(url);
    const known = gates.get(origin);
    if (known) return known;
    const limit = limitOf?.(origin);
    const gate = new Gate(origin, registry, { ...options, ...(limit && { limit }) });
    gates.set(origin, gate);
    return gate;
  }

  const interceptor: Interceptor = (next) => async (request) => {
    const gate = gateFor(request);
    const pass = gate.passNow(request) ?? (await gate.enter(request));
    request.marks?.add("admitted");
    const startedAt = clock.now();
    try {
      const response = await next(pass.permit.isProbe ? watched(request, gate) : request);
      learn(gate, pass, { request, response, latencyMs: clock.now() - startedAt, options, ownLoad: ownLoad() });
      return leaving(pass, request, response);
    } catch (error) {
      pass.leaveLane();
      pass.leaveSeat?.();
      if (isCalmAsked(error) || isStuck(request, error)) gate.overloaded(pass);
      if (hasCode(error, "connection_failed", "timeout")) gate.failed(pass, error);
      else gate.hold.givenUp(pass.permit);
      throw error;
    }
  };
  return { interceptor, isHolding: (origin) => gates.get(origin)?.hold.isHolding === true };
}

/** More than sockets take without anybody at the other end. */
const tellingBytes = 4 * 1024 * 1024;

/** A large upload that goes ahead of the others shows long before its answer that somebody takes it. */
function watched(request: HttpRequest, gate: Gate): HttpRequest {
  let sentBytes = 0;
  return {
    ...request,
    onProgress(bytes) {
      const isFirstSign = sentBytes < tellingBytes && sentBytes + bytes >= tellingBytes;
      sentBytes += bytes;
      if (isFirstSign) gate.hold.answered();
      request.onProgress?.(bytes);
    },
  };
}

interface Seen {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly latencyMs: number;
  readonly ownLoad: number;
  readonly options: Pick<ThrottleOptions, "clock" | "maxRetryAfterMs">;
}

function learn(gate: Gate, pass: Pass, { request, response, options, ...timing }: Seen): void {
  const { status } = response;
  if (status === 429) return gate.limited(pass, askedMs(response, options));
  if (status === 503) gate.overloaded(pass);
  if (status >= 500 && isPassingStatus(status)) return gate.failed(pass, unavailable(request, status));
  // How long an upload takes says more about its size than about the registry.
  gate.answered(pass, request.operation === "upload-body" ? undefined : timing);
}

/** How long all requests shall wait. Longer than we are ready to is for the one that was told, who fails by it. */
function askedMs(
  response: HttpResponse,
  { clock, maxRetryAfterMs = defaultMaxRetryAfterMs }: Seen["options"],
): number | undefined {
  const asked = askedWaitMs(response, clock);
  return asked === undefined || asked > maxRetryAfterMs ? undefined : asked;
}

function unavailable(request: HttpRequest, status: number): WaybillError {
  const { host, origin } = new URL(request.url);
  const context = { registry: request.registry ?? host, origin, status };
  return new WaybillError("unavailable", `Cannot reach "${host}": it answers HTTP ${status}`, context);
}

/** Places are kept until the body has ended, where there can be one; a blob's slot only until its headers are here. */
function leaving({ leaveLane, leaveSeat }: Pass, request: HttpRequest, response: HttpResponse): HttpResponse {
  const isOver = isBodiless(request, response);
  if (isOver) leaveSeat?.();
  if (isOver || request.operation === "blob") leaveLane();
  if (isOver || (request.operation === "blob" && !leaveSeat)) return response;
  return afterBody(response, () => {
    leaveLane();
    leaveSeat?.();
  });
}

/** HTTP/2's own way to say 429: a stream reset with ENHANCE_YOUR_CALM. */
function isCalmAsked(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof Error && error.cause.message.includes("ENHANCE_YOUR_CALM");
}

/** An upload that was begun and given up, perhaps only for want of its share of the line. */
function isStuck({ operation }: HttpRequest, error: unknown): boolean {
  return operation === "upload-body" && hasCode(error, "timeout") && error.context.sent !== "nothing";
}
