import { sleep } from "../async/clock.ts";
import { onAbort } from "../async/on-abort.ts";
import { WaybillError } from "../errors.ts";
import { answerLike, openBody } from "../http/body.ts";
import type { HttpRequest, HttpResponse, Send } from "../http/send.ts";
import { respond } from "./answer.ts";
import type { AnswerFault, ConnectionFault, Fault, Mischief, PaceFault, StateFault } from "./fault.ts";
import { broken, corrupt, cut, edited, stall } from "./fault-bodies.ts";
import { expiringTokens, lagging, losingSessions } from "./fault-memory.ts";
import { narrow, rateLimited, requirePace } from "./fault-pace.ts";

/**
 * Sets `fault` to work on the way to `send`. What it remembers is its own.
 *
 * @throws TypeError where there is no such fault, or it lacks a part; RangeError for a pace that is none
 */
export function mischiefOf(fault: Fault, send: Send): Mischief {
  requirePart(fault);
  switch (fault.kind) {
    case "lose-session":
    case "lag":
    case "expire-token":
      return forgetting(fault, send);
    case "delay":
    case "rate-limit":
    case "bandwidth":
      return { strike: slowed(fault, send) };
    case "status":
    case "truncate":
    case "corrupt":
    case "headers":
      return { strike: (request) => misanswered(fault, request, send) };
    case "refuse":
    case "lose-answer":
    case "cut":
    case "cut-upload":
    case "stall":
    case "stall-upload":
      return { strike: (request) => misconnected(fault, request, send) };
    default:
      // A kind that nobody knows would look like some other one.
      throw new TypeError(`There is no such fault: ${JSON.stringify(fault satisfies never)}`);
  }
}

/** What a fault of an answer or a connection cannot do without. A program without types may have forgotten it. */
const parts: Readonly<Partial<Record<Fault["kind"], string>>> = {
  status: "status",
  headers: "set",
  truncate: "afterBytes",
  corrupt: "atByte",
  cut: "afterBytes",
  "cut-upload": "afterBytes",
  stall: "afterBytes",
  "stall-upload": "afterBytes",
};

function requirePart(fault: Fault): void {
  const part = parts[fault.kind];
  if (part !== undefined && !(part in fault)) throw new TypeError(`The fault ${fault.kind} needs ${part}`);
}

function forgetting(fault: StateFault, send: Send): Mischief {
  if (fault.kind === "lag") {
    const knowsItsEnd = "reads" in fault || ("lagMs" in fault && "clock" in fault);
    if (!knowsItsEnd) throw new TypeError("The fault lag needs reads, or lagMs and clock");
    return lagging(fault, send);
  }
  return fault.kind === "expire-token" ? expiringTokens(send) : { strike: losingSessions(send) };
}

function slowed(fault: PaceFault, send: Send): Send {
  requirePace(fault);
  if (fault.kind === "rate-limit") return rateLimited(fault, send);
  if (fault.kind === "bandwidth") return narrow(fault, send);
  return async (request) => {
    await sleep(fault.clock, fault.delayMs, request.signal);
    return send(request);
  };
}

async function misanswered(fault: AnswerFault, request: HttpRequest, send: Send): Promise<HttpResponse> {
  if (fault.kind === "status") return respond(request, { ...fault, body: Buffer.from(fault.body ?? "") });
  const response = await send(request);
  if (fault.kind === "truncate") return answerLike(response, { body: cut(response.body, fault.afterBytes) });
  if (fault.kind === "corrupt") return answerLike(response, { body: corrupt(response.body, fault.atByte) });
  return answerLike(response, { headers: edited(response.headers, fault.set) });
}

async function misconnected(fault: ConnectionFault, request: HttpRequest, send: Send): Promise<HttpResponse> {
  switch (fault.kind) {
    case "refuse":
      throw broken(request, "nothing");
    case "lose-answer":
      await (await send(request))[Symbol.asyncDispose]();
      throw broken(request, "all");
    case "cut-upload":
      return cutUpload(request, fault.afterBytes, send);
    case "stall-upload":
      return stallUpload(request, fault.afterBytes, send);
    case "cut": {
      const response = await send(request);
      const failure = () => broken(request, "all");
      return answerLike(response, { body: cut(response.body, fault.afterBytes, failure) });
    }
    default:
      return stalled(await send(request), request, fault.afterBytes);
  }
}

async function cutUpload(request: HttpRequest, afterBytes: number, send: Send): Promise<HttpResponse> {
  const { sizeBytes, body } = openBody(request);
  const error = broken(request, "some");
  const open = () => cut(body, afterBytes, () => error);
  await (await send({ ...request, body: { sizeBytes, open } }))[Symbol.asyncDispose]();
  // The registry answered without reading that far: the client still never hears of it.
  throw error;
}

/** The registry keeps what came before the silence, as it does when a client goes away. */
async function stallUpload(request: HttpRequest, afterBytes: number, send: Send): Promise<HttpResponse> {
  const { sizeBytes, body } = openBody(request);
  const gone = request.signal ?? new AbortController().signal;
  const open = () => stall(body, afterBytes, gone);
  return send({ ...request, body: { sizeBytes, open } });
}

function stalled(response: HttpResponse, { signal }: HttpRequest, afterBytes: number): HttpResponse {
  const gone = new AbortController();
  const leave = () =>
    gone.abort(signal?.reason ?? new WaybillError("cancelled", "Cannot read on: the answer was left"));
  const stay = onAbort(signal, leave);
  return answerLike(response, {
    body: stall(response.body, afterBytes, gone.signal),
    async dispose() {
      stay();
      leave();
      await response[Symbol.asyncDispose]();
    },
  });
}
