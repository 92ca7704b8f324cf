import { WaybillError } from "../errors.ts";
import { drain } from "./body.ts";
import type { HttpRequest, HttpResponse, Interceptor, Send } from "./send.ts";
import { originOf } from "./url.ts";

const maxHops = 5;

/**
 * Follows redirects by hand: GET and HEAD for 301, 302, 303, 307 and 308; other methods never, except for 307 and 308, which
 * keep the method and the body. A credential stays behind at its origin; addresses that a redirect names are checked (`ledBy`).
 *
 * @throws WaybillError `rejected` for loops, more than five hops, steps down from https to http, and for a form with a
 * credential that would go to another origin; a redirect with nothing to follow is answered as it is.
 */
export function followRedirects(): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    return isRedirect(response, request) ? follow(next, request, response) : response;
  };
}

async function follow(next: Send, request: HttpRequest, answer: HttpResponse): Promise<HttpResponse> {
  const seen = new Set([request.url]);
  let [current, response] = [request, answer];
  for (let hop = 0; isRedirect(response, current); hop += 1) {
    const following = await step(response, current);
    if (hop === maxHops) throw refused(current, `it redirects more than ${maxHops} times`);
    if (seen.has(following.url)) throw refused(current, "it redirects in a circle");
    seen.add(following.url);
    current = following;
    response = await next(current);
  }
  return response;
}

const always: ReadonlySet<number> = new Set([307, 308]);
const forReading: ReadonlySet<number> = new Set([301, 302, 303]);

function isRedirect({ status, headers }: HttpResponse, request: HttpRequest): boolean {
  return isFollowed(status, request) && headers.get("location") !== undefined;
}

async function step(response: HttpResponse, request: HttpRequest): Promise<HttpRequest> {
  const url = targetUrl(response.headers.get("location") ?? "", response.url, request);
  await drain(response);
  const origin = originOf(request.url);
  const { authorization, ...rest } = request;
  if (originOf(url) === origin) return { ...rest, url, ...(authorization ? { authorization } : {}) };
  if (holdsCredential(request)) throw refused(request, "it redirects a form with a credential to another origin");
  return { ...rest, url, ledBy: origin };
}

/** Tokens are asked for with a form that holds the password or the identity token. */
function holdsCredential({ operation, body }: HttpRequest): boolean {
  return operation === "token" && body !== undefined;
}

function isFollowed(status: number, { method }: HttpRequest): boolean {
  if (always.has(status)) return true;
  return forReading.has(status) && (method === "GET" || method === "HEAD");
}

/** The absolute URL of a `Location`, kept byte for byte where it is absolute already. */
function targetUrl(location: string, base: string, request: HttpRequest): string {
  const parsed = parse(location, base);
  if (!parsed || (parsed.protocol !== "https:" && parsed.protocol !== "http:")) {
    throw refused(request, "it redirects to something that is not an HTTP address");
  }
  const from = new URL(request.url);
  const text = /^https?:\/\//i.test(location) ? location : parsed.href;
  if (from.protocol !== "https:" || parsed.protocol === "https:") return text;
  if (parsed.hostname !== from.hostname)
    throw refused(request, `it redirects from https to plain http at "${parsed.host}"`);
  // A TLS proxy in front that does not say so to the registry behind it: same host, so the address meant is ours.
  return upgraded(parsed, from);
}

function upgraded(parsed: URL, from: URL): string {
  const { pathname, search } = parsed;
  return `${from.origin}${pathname}${search}`;
}

function parse(location: string, base: string): URL | undefined {
  return URL.canParse(location, base) ? new URL(location, base) : undefined;
}

function refused(request: HttpRequest, why: string): WaybillError {
  const { host } = new URL(request.url);
  return new WaybillError("rejected", `Cannot follow "${host}": ${why}`, {
    registry: request.registry ?? host,
    sent: "all",
  });
}
