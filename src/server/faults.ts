import { sleep, type Clock } from "../async/clock.ts";
import type { Bytes } from "../content/store.ts";
import { WaybillError, type Sent } from "../errors.ts";
import { openBody } from "../http/body.ts";
import { headersFrom } from "../http/headers.ts";
import type { HttpHeaders, HttpRequest, HttpResponse, Method, Send } from "../http/send.ts";
import { respond } from "./answer.ts";

/** One way to misbehave. */
export type Fault =
  /** Answers itself; the registry never hears of the request. A text body is sent as it is. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  /** The connection breaks before the registry hears anything. */
  | { readonly kind: "refuse" }
  /** The registry does as it is told, and the answer is lost. */
  | { readonly kind: "lose-answer" }
  /** The answer's body breaks off after `afterBytes`. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** The answer's body ends after `afterBytes` as if that were all. */
  | { readonly kind: "truncate"; readonly afterBytes: number }
  /** The request's body breaks off after `afterBytes`: the registry has those, the client has an error. */
  | { readonly kind: "cut-upload"; readonly afterBytes: number }
  /** One bit of the answer's byte `atByte` is wrong. */
  | { readonly kind: "corrupt"; readonly atByte: number }
  /** Response headers as they should not be; `undefined` takes one away. */
  | { readonly kind: "headers"; readonly set: Readonly<Record<string, string | undefined>> }
  /** Waits on `clock`, then forwards. */
  | { readonly kind: "delay"; readonly delayMs: number; readonly clock: Clock };

/** When to misbehave. Conditions that are absent always hold. */
export interface FaultRule {
  readonly method?: Method | readonly Method[];
  /** Matched against path and query. A text matches anywhere in it. */
  readonly path?: string | RegExp;
  readonly when?: (request: HttpRequest) => boolean;
  /** How many matching requests pass unharmed first; default 0. */
  readonly skip?: number;
  /** How many are then harmed; default 1. `Infinity` never stops. */
  readonly times?: number;
  readonly fault: Fault;
}

/**
 * `send`, misbehaving on demand. Each request suffers the first rule that matches and is not used up; the others go through
 * untouched. Rules are counted per call of `faulty`.
 */
export function faulty(send: Send, rules: readonly FaultRule[]): Send {
  const states = rules.map((rule) => ({ rule, seen: 0 }));
  return (request) => {
    for (const state of states) {
      const { skip = 0, times = 1, fault } = state.rule;
      if (state.seen >= skip + times || !matches(state.rule, request)) continue;
      state.seen++;
      if (state.seen > skip) return suffer(fault, request, send);
    }
    return send(request);
  };
}

function matches(rule: FaultRule, request: HttpRequest): boolean {
  const { pathname, search } = new URL(request.url);
  const target = pathname + search;
  const { method, path } = rule;
  if (method !== undefined && !(typeof method === "string" ? [method] : method).includes(request.method)) return false;
  if (typeof path === "string" && !target.includes(path)) return false;
  if (path instanceof RegExp && target.search(path) < 0) return false;
  return rule.when?.(request) ?? true;
}

async function suffer(fault: Fault, request: HttpRequest, send: Send): Promise<HttpResponse> {
  switch (fault.kind) {
    case "status":
      return respond(request, { ...fault, body: Buffer.from(fault.body ?? "") });
    case "refuse":
      throw broken(request, "nothing");
    case "lose-answer":
      await (await send(request))[Symbol.asyncDispose]();
      throw broken(request, "all");
    case "cut-upload":
      return cutUpload(request, fault.afterBytes, send);
    case "delay":
      await sleep(fault.clock, fault.delayMs, request.signal);
      return send(request);
    default:
      return spoil(fault, request, await send(request));
  }
}

type AnswerFault = Extract<Fault, { kind: "cut" | "truncate" | "corrupt" | "headers" }>;

function spoil(fault: AnswerFault, request: HttpRequest, response: HttpResponse): HttpResponse {
  switch (fault.kind) {
    case "cut":
      return withBody(
        response,
        cut(response.body, fault.afterBytes, () => broken(request, "all")),
      );
    case "truncate":
      return withBody(response, cut(response.body, fault.afterBytes));
    case "corrupt":
      return withBody(response, corrupt(response.body, fault.atByte));
    default:
      return { ...withBody(response, response.body), headers: edited(response.headers, fault.set) };
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

function broken(request: HttpRequest, sent: Sent): WaybillError {
  const { host } = new URL(request.url);
  return new WaybillError("connection_failed", `Cannot reach "${host}": the connection broke`, {
    registry: host,
    sent,
  });
}

function withBody(response: HttpResponse, body: Bytes): HttpResponse {
  const { status, headers, url, protocol } = response;
  const dispose = () => response[Symbol.asyncDispose]();
  return { status, headers, url, ...(protocol && { protocol }), body, [Symbol.asyncDispose]: dispose };
}

/** `body` up to `afterBytes`; then the error, or a silent end where there is none. */
async function* cut(body: Bytes, afterBytes: number, error?: () => Error): Bytes {
  let left = afterBytes;
  for await (const chunk of body) {
    if (left > 0) yield chunk.subarray(0, left);
    left -= chunk.byteLength;
    if (left <= 0) break;
  }
  if (error) throw error();
}

async function* corrupt(body: Bytes, atByte: number): Bytes {
  let seen = 0;
  for await (const chunk of body) {
    const at = atByte - seen;
    seen += chunk.byteLength;
    if (at < 0 || at >= chunk.byteLength) {
      yield chunk;
      continue;
    }
    const spoilt = Uint8Array.from(chunk);
    spoilt[at] = (spoilt[at] ?? 0) ^ 1;
    yield spoilt;
  }
}

function edited(headers: HttpHeaders, set: Readonly<Record<string, string | undefined>>): HttpHeaders {
  const own = headersFrom(set);
  const names = new Set(Object.keys(set).map((name) => name.toLowerCase()));
  const of = (name: string) => (names.has(name.toLowerCase()) ? own : headers);
  const kept = headers.names().filter((name) => !names.has(name));
  return {
    get: (name) => of(name).get(name),
    all: (name) => of(name).all(name),
    names: () => [...kept, ...own.names()],
  };
}
