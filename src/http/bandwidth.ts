import type { Clock } from "../async/clock.ts";
import { createMeter, type Meter } from "../async/meter.ts";
import { Controller, follow } from "../async/on-abort.ts";
import type { Bytes } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { answerLike, openBody, sizeOfBody } from "./body.ts";
import type { HttpRequest, HttpResponse, Interceptor, RequestBody } from "./send.ts";

export interface BandwidthOptions {
  readonly clock: Clock;
  /** How many bytes a second may go to and come from a registry, bodies of both directions together; `undefined` for any. */
  readonly bytesPerSecond: (registry: string) => number | undefined;
}

/** Slows bodies down to what the user allows each registry, whatever host it has them sent to or fetched from. */
export function limitBandwidth({ clock, bytesPerSecond }: BandwidthOptions): Interceptor {
  const meters = new Map<string, Slowness | undefined>();
  const meterOf = (registry: string) => {
    if (!meters.has(registry)) {
      const perSecond = bytesPerSecond(registry);
      meters.set(registry, perSecond === undefined ? undefined : slowness(clock, perSecond));
    }
    return meters.get(registry);
  };
  return (next) => async (request) => {
    const meter = request.registry === undefined ? undefined : meterOf(request.registry);
    if (!meter) return next(request);
    const body = request.body && { body: slowBody(request, request.body, meter) };
    return slowAnswer(await next({ ...request, ...body }), meter);
  };
}

interface Slowness extends Meter {
  /** Small enough for many bodies to go on side by side: who sends much at once waits long afterwards. */
  readonly pieceBytes: number;
}

function slowness(clock: Clock, perSecond: number): Slowness {
  return { ...createMeter(clock, perSecond), pieceBytes: Math.max(4096, Math.floor(perSecond / 64)) };
}

function slowBody(request: HttpRequest, body: NonNullable<HttpRequest["body"]>, meter: Slowness): RequestBody {
  return {
    sizeBytes: sizeOfBody(body),
    open: (signal) => slow(openBody({ ...request, ...(signal && { signal }) }).body, meter, signal ?? request.signal),
  };
}

function slowAnswer(response: HttpResponse, meter: Slowness): HttpResponse {
  const leaving = new Controller();
  return answerLike(response, {
    body: slow(response.body, meter, leaving.signal),
    async dispose() {
      leaving.abort(new WaybillError("cancelled", "Cannot read on: the answer was left"));
      await response[Symbol.asyncDispose]();
    },
  });
}

/** `body` in pieces, each when it is paid for. Nobody waits who stops reading, nor once `signal` aborts. */
function slow(body: Bytes, meter: Slowness, signal?: AbortSignal): Bytes {
  return {
    [Symbol.asyncIterator]() {
      const leaving = new Controller();
      const unlink = follow(signal, leaving);
      const pieces = slowPieces(body, meter, leaving.signal);
      return {
        async next() {
          const result = await pieces.next().catch((error: unknown) => {
            unlink();
            throw error;
          });
          if (result.done) unlink();
          return result;
        },
        async return() {
          unlink();
          leaving.abort();
          await pieces.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

function slowPieces(body: Bytes, meter: Slowness, signal: AbortSignal): AsyncIterator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  return {
    async next() {
      while (rest.byteLength === 0) {
        const result = await chunks.next();
        if (result.done) return result;
        rest = result.value;
      }
      const piece = rest.subarray(0, meter.pieceBytes);
      rest = rest.subarray(piece.byteLength);
      await meter.pay(piece.byteLength, signal);
      return { done: false, value: piece };
    },
    async return() {
      await chunks.return?.();
      return { done: true, value: undefined };
    },
  };
}
