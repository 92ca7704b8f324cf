import type { Clock } from "../../async/clock.ts";
import type { HttpHeaders, HttpRequest, HttpResponse, Interceptor } from "../../http/send.ts";

/** How far another clock is from ours, as one answer shows it. Positive: theirs is ahead. */
export interface Skew {
  readonly skewMs: number;
  /** It may be this much less or more: the answer's way, and dates that have whole seconds. */
  readonly uncertainMs: number;
}

/** What a registry says of its limits. */
export interface Limit {
  readonly limit?: number;
  readonly remaining: number;
  /** What the numbers are for, in seconds. */
  readonly windowSeconds?: number;
  /** Who is counted, such as an address. Foreign text. */
  readonly countedFor?: string;
}

/** What a registry's answers said beside what they were asked for. */
export interface Answers {
  readonly observe: Interceptor;
  /** The least uncertain of what was seen. */
  skewOf(registry: string): Skew | undefined;
  /** The last one that was told. */
  limitOf(registry: string): Limit | undefined;
}

/** Listens beside the network; answers of token services and of other hosts do not count. */
export function watchAnswers(clock: Clock): Answers {
  const skews = new Map<string, Skew>();
  const limits = new Map<string, Limit>();

  function note(registry: string, { headers }: HttpResponse, sentAt: number): void {
    const skew = skewIn(headers, sentAt, clock.now());
    const known = skews.get(registry);
    if (skew && !(known && known.uncertainMs <= skew.uncertainMs)) skews.set(registry, skew);
    const limit = limitIn(headers);
    if (limit) limits.set(registry, limit);
  }

  return {
    observe: (next) => async (request) => {
      const sentAt = clock.now();
      const response = await next(request);
      if (isOwn(request)) note(request.registry, response, sentAt);
      return response;
    },
    skewOf: (registry) => skews.get(registry),
    limitOf: (registry) => limits.get(registry),
  };
}

/** Neither a token service nor a place that the registry led to. */
function isOwn(request: HttpRequest): request is HttpRequest & { readonly registry: string } {
  return request.registry !== undefined && request.operation !== "token" && request.ledBy === undefined;
}

function skewIn(headers: HttpHeaders, sentAt: number, receivedAt: number): Skew | undefined {
  const theirs = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(theirs)) return undefined;
  // A date is cut to whole seconds: half a second more is its middle.
  return { skewMs: theirs + 500 - (sentAt + receivedAt) / 2, uncertainMs: 500 + (receivedAt - sentAt) / 2 };
}

/** `RateLimit-Remaining: 76;w=21600` as Docker Hub has it, `X-RateLimit-Remaining: 76` as many others. */
function limitIn(headers: HttpHeaders): Limit | undefined {
  const read = (name: string) => headers.get(`ratelimit-${name}`) ?? headers.get(`x-ratelimit-${name}`) ?? "";
  const remaining = countIn(read("remaining"));
  if (remaining === undefined) return undefined;
  const limit = countIn(read("limit"));
  const window = /;\s*w=(\d{1,9})/.exec(read("remaining") || read("limit"))?.[1];
  const source = headers.get("docker-ratelimit-source");
  return {
    remaining,
    ...(limit !== undefined && { limit }),
    ...(window !== undefined && { windowSeconds: Number(window) }),
    ...(source !== undefined && { countedFor: source.slice(0, 100) }),
  };
}

function countIn(value: string): number | undefined {
  const digits = /^\s*(\d{1,12})(?=\s*(?:[;,]|$))/.exec(value)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
