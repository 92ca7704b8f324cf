import { fullBucket, spend, waitMs } from "../async/bucket.ts";
import { createMeter, type Meter } from "../async/meter.ts";
import type { Bytes } from "../content/store.ts";
import { answerLike, openBody } from "../http/body.ts";
import type { Send } from "../http/send.ts";
import { answerTo, refusal } from "./refusal.ts";
import { respond } from "./answer.ts";
import type { PaceFault } from "./fault.ts";

/** @throws TypeError for a fault without its clock; RangeError for one that would let nothing through, or for no time that can be waited */
export function requirePace(fault: PaceFault): void {
  const { kind } = fault;
  if (!("clock" in fault)) throw new TypeError(`The fault ${kind} needs a clock`);
  const lack = lackOf(fault);
  if (lack !== undefined) throw new RangeError(`The fault ${kind} needs ${lack}`);
}

function lackOf(fault: PaceFault): string | undefined {
  if (fault.kind === "delay") return fault.delayMs >= 0 ? undefined : "a delayMs of 0 or more";
  if (fault.kind === "bandwidth") return fault.bytesPerSecond > 0 ? undefined : "bytesPerSecond above 0";
  const { perSecond, burst = 1 } = fault;
  return perSecond > 0 && burst > 0 ? undefined : "perSecond and burst above 0";
}

/** Lets requests through at a rate; what comes faster is told when to come back. */
export function rateLimited(fault: PaceFault & { kind: "rate-limit" }, send: Send): Send {
  const { clock, perSecond, burst = 1, retryAfter } = fault;
  const rate = { perSecond, burst };
  let bucket = fullBucket(rate, clock.now());
  return async (request) => {
    const delayMs = waitMs(bucket, rate, 1, clock.now());
    if (delayMs === 0) {
      bucket = spend(bucket, rate, 1, clock.now());
      return send(request);
    }
    const seconds = typeof retryAfter === "object" ? retryAfter.seconds : Math.ceil(delayMs / 1000);
    const headers = retryAfter === "none" ? {} : { "retry-after": String(seconds) };
    const message = `Cannot serve request: more than ${perSecond} in a second`;
    return respond(request, answerTo(refusal(429, "TOOMANYREQUESTS", message, { headers })) ?? { status: 429 });
  };
}

/** Lets bodies of both directions pass at a rate. */
export function narrow({ clock, bytesPerSecond }: PaceFault & { kind: "bandwidth" }, send: Send): Send {
  const meter = createMeter(clock, bytesPerSecond);
  return async (request) => {
    const { sizeBytes, body } = openBody(request);
    const open = () => metered(body, meter, request.signal);
    const response = await send({ ...request, ...(request.body && { body: { sizeBytes, open } }) });
    return answerLike(response, { body: metered(response.body, meter, request.signal) });
  };
}

async function* metered(body: Bytes, meter: Meter, signal: AbortSignal | undefined): Bytes {
  for await (const chunk of body) {
    await meter.pay(chunk.byteLength, signal);
    yield chunk;
  }
}
