import { finestOf, type Clock } from "../async/clock.ts";
import { WaybillError } from "../errors.ts";
import type { AttemptEvent } from "../telemetry/attempt.ts";
import type { Report } from "../telemetry/events.ts";
import { Marks, type MarksOptions } from "../telemetry/marks.ts";
import { afterBody } from "./after-body.ts";
import { isBodiless } from "./body.ts";
import { withoutCredentials } from "./echoes.ts";
import type { HttpHeaders, HttpRequest, HttpResponse, Interceptor, Origin, RequestHistory } from "./send.ts";
import { originOf, shownUrl } from "./url.ts";

export interface TraceOptions {
  readonly clock: Clock;
  readonly report: Report;
  /** More headers for an attempt, by its id. Not sent where a registry's word has led us. */
  readonly headersFor?: ((attempt: string) => Readonly<Record<string, string>>) | undefined;
}

/**
 * Lets the attempts of one request know of each other, and of those of the request that it repeats, where its sender has handed that
 * one's history on. The outermost interceptor; `traceAttempts` needs it for `after` and `resend`.
 */
export function traceRequests(): Interceptor {
  return (next) => (request) => next(request.history ? request : { history: { sent: 0 }, ...request });
}

/**
 * Reports one `http` event for each attempt, when its response's body has ended or it has failed. URLs as `shownUrl` has them. What
 * `report` and `headersFor` throw is dropped.
 */
export function traceAttempts({ clock, report, headersFor }: TraceOptions): Interceptor {
  const quietly: Report = (event) => {
    try {
      report(event);
    } catch {
      // Whoever listens has a bug; the request has none.
    }
  };
  const now = finestOf(clock);
  const drop = (what: string) => quietly({ type: "telemetry-drop", what, count: 1, at: now() });
  const onDrop = (why: string) => drop(`${why} mark`);
  const more: Observed["headersFor"] = (attempt) => {
    try {
      return headersFor?.(attempt);
    } catch {
      drop("headers of an attempt");
      return undefined;
    }
  };
  const wire: Observed = { report: quietly, headersFor: more, noting: { now, onDrop }, loads: new Map(), count: 0 };
  return (next) => async (request) => {
    const attempt = new Attempt(request, wire);
    try {
      const response = await next(attempt.request);
      return attempt.answered(response);
    } catch (error) {
      attempt.end({ error: errorCodeOf(error) });
      throw error;
    }
  };
}

/** What all attempts share. */
interface Observed extends Pick<TraceOptions, "report"> {
  readonly headersFor: (attempt: string) => Readonly<Record<string, string>> | undefined;
  readonly noting: MarksOptions;
  readonly loads: Map<Origin, Load>;
  count: number;
}

/** What is under way to an origin. */
interface Load {
  inFlight: number;
}

function loadOf({ loads }: Observed, origin: Origin): Load {
  const known = loads.get(origin);
  if (known) return known;
  const load = { inFlight: 0 };
  loads.set(origin, load);
  return load;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Ending = Mutable<Pick<AttemptEvent, "status" | "error" | "requestId" | "protocol">>;

class Attempt {
  /** The request, which tells us what becomes of it. */
  readonly request: HttpRequest;
  readonly #wire: Observed;
  readonly #origin: Origin;
  readonly #marks: Marks;
  readonly #id: string;
  /** The attempt of the same request that came before it. */
  readonly #after: string | undefined;
  readonly #resend: number;
  readonly #load: Load;
  readonly #inFlight: number;
  readonly #startedAt: number;
  #sentBytes = 0;

  constructor(request: HttpRequest, wire: Observed) {
    const { noting } = wire;
    this.#wire = wire;
    this.#origin = originOf(request.url);
    this.#marks = new Marks(noting);
    this.#load = loadOf(wire, this.#origin);
    this.#inFlight = ++this.#load.inFlight;
    this.#id = `a${++wire.count}`;
    const { history } = request;
    this.#after = history?.last;
    this.#resend = history?.sent ?? 0;
    if (history) follow(history, this.#id);
    this.#startedAt = noting.now();
    const more = request.ledBy === undefined ? wire.headersFor(this.#id) : undefined;
    const headers = more && { headers: { ...request.headers, ...more } };
    const onProgress = request.body === undefined ? undefined : { onProgress: this.#onProgress(request) };
    // What is added goes first; see decision 14.
    this.request = { marks: this.#marks, ...request, ...headers, ...onProgress };
  }

  #onProgress({ onProgress }: HttpRequest): (bytes: number) => void {
    return (bytes) => {
      this.#sentBytes += bytes;
      onProgress?.(bytes);
    };
  }

  /** The response, whose end will be the attempt's. Without a body it may have been seen already. */
  answered(response: HttpResponse): HttpResponse {
    const ending = factsOf(response, this.request);
    const { last } = this.#marks;
    if (last?.name === "last-byte" && isBodiless(this.request, response)) {
      this.end(ending, 0, last.at);
      return response;
    }
    return afterBody(response, (end) => {
      if ("error" in end) ending.error = errorCodeOf(end.error);
      this.end(ending, end.bytes);
    });
  }

  end(ending: Ending, receivedBytes = 0, endedAt = this.#wire.noting.now()): void {
    const { report } = this.#wire;
    const { method, task, registry, operation, authorization, attempt = 1 } = this.request;
    this.#load.inFlight -= 1;
    const event: Mutable<AttemptEvent> = {
      type: "http",
      id: this.#id,
      resend: this.#resend,
      inFlight: this.#inFlight,
      startedAt: this.#startedAt,
      method,
      url: shownUrl(this.request, this.#origin),
      attempt,
      durationMs: endedAt - this.#startedAt,
      sentBytes: this.#sentBytes,
      receivedBytes,
      marks: this.#marks.close(),
    };
    // Set one by one, not spread: thousands of these are made in a second.
    const { status, error, requestId, protocol } = ending;
    if (status !== undefined) event.status = status;
    if (error !== undefined) event.error = error;
    if (protocol !== undefined) event.protocol = protocol;
    if (requestId !== undefined) event.requestId = requestId;
    if (this.#after !== undefined) event.after = this.#after;
    if (task !== undefined) event.task = task;
    if (registry !== undefined) event.registry = registry;
    if (operation !== undefined) event.operation = operation;
    if (authorization) event.authorized = true;
    report(event);
  }
}

/** The attempt is the last one of its request. */
function follow(history: RequestHistory, id: string): void {
  history.last = id;
  history.sent++;
}

/** What registries call a request by in their own logs, the usual first. */
const idHeaders = [
  "x-request-id",
  "x-amzn-requestid",
  "x-amz-request-id",
  "x-ms-request-id",
  "x-github-request-id",
  "docker-distribution-request-id",
  "cf-ray",
];

function factsOf({ status, headers, protocol }: HttpResponse, request: HttpRequest): Ending {
  const facts: Ending = { status };
  const requestId = requestIdOf(headers);
  // Some servers copy what they were sent, and the credential may be what they take for its name.
  if (requestId !== undefined) facts.requestId = withoutCredentials(requestId, request).slice(0, 200);
  if (protocol !== undefined) facts.protocol = protocol;
  return facts;
}

function requestIdOf(headers: HttpHeaders): string | undefined {
  for (const name of idHeaders) {
    const id = headers.get(name);
    if (id !== undefined) return id;
  }
  return undefined;
}

function errorCodeOf(error: unknown): string {
  return error instanceof WaybillError ? error.code : "internal";
}
