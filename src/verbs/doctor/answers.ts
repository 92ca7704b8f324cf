import { wallTime, type Clock } from "../../async/clock.ts";
import type { PullQuota } from "../../content/store.ts";
import type { HttpHeaders, HttpRequest, HttpResponse, Interceptor } from "../../http/send.ts";
import { pullQuotaIn } from "../../registry/pull-quota.ts";

/** How far another clock is from ours, as one answer shows it. Positive: theirs is ahead. */
export interface Skew {
  readonly skewMs: number;
  /** It may be this much less or more: the answer's way, and dates that have whole seconds. */
  readonly uncertainMs: number;
}

/** What a registry says of its limits. */
export interface Limit extends PullQuota {
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
    const skew = skewIn(headers, sentAt, wallTime(clock));
    const known = skews.get(registry);
    if (skew && !(known && known.uncertainMs <= skew.uncertainMs)) skews.set(registry, skew);
    const limit = limitIn(headers);
    if (limit) limits.set(registry, limit);
  }

  return {
    observe: (next) => async (request) => {
      const sentAt = wallTime(clock);
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

/** Docker Hub's pulls, or requests as many others count them in `X-RateLimit-Remaining`. */
function limitIn(headers: HttpHeaders): Limit | undefined {
  const source = headers.get("docker-ratelimit-source");
  const quota = pullQuotaIn(headers);
  if (quota) return { ...quota, ...(source !== undefined && { countedFor: source.slice(0, 100) }) };
  const [remaining, limit] = ["remaining", "limit"].map((name) => countIn(headers.get(`x-ratelimit-${name}`)));
  if (remaining === undefined) return undefined;
  return { remaining, ...(limit !== undefined && { limit }) };
}

function countIn(value = ""): number | undefined {
  return /^\s*\d{1,9}\s*$/.test(value) ? Number(value) : undefined;
}
