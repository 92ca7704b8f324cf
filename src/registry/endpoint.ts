import { hasCode, WaybillError } from "../errors.ts";
import { peek } from "../http/body.ts";
import { causeCodeOf, isNoTls } from "../http/outcome.ts";
import type { HttpRequest, HttpResponse, Interceptor, Origin, Send } from "../http/send.ts";
import { hostOf, isLoopbackHost, originOf } from "../http/url.ts";
import { normalizeHost } from "../spec/reference.ts";
import type { BuilderSettings } from "./buildkit.ts";
import { apiHost } from "./host.ts";
import { parseHosts } from "./host-list.ts";

/** What is known of registries' schemes beforehand. */
export interface EndpointOptions {
  /** Registries, `host[:port]`, that speak plain HTTP. */
  readonly plainHttp?: readonly string[];
  readonly builder?: BuilderSettings;
  /** Whether certificates are kept for a `host:port`: then it speaks TLS. Default: for none. */
  readonly hasCertificates?: (hostPort: string) => Promise<boolean>;
}

/** Finds where registries are. It remembers what it has found out, and has nothing to close. */
export interface Endpoints {
  /** Scheme and authority of a registry's API, without a slash at the end. A guess for loopback until it is settled. */
  baseUrl(host: string): string;
  /** Finds out whether a registry on loopback speaks HTTP or TLS, and corrects the addresses of requests to it. */
  readonly settleScheme: Interceptor;
}

/**
 * Where registries are. All speak TLS but those that the user names, those whose builder says so, and loopback: that
 * is plain HTTP unless certificates are kept for it or the port answers with TLS.
 *
 * Loopback is settled by the first request, which goes out over HTTP before anybody has asked for a credential; only
 * where that fails as a TLS port would fail is TLS tried. A GET or HEAD does not wait for another one's settling, all
 * else does. Nothing but loopback ever changes its scheme.
 *
 * @throws WaybillError `invalid_argument` for a host that is not `host[:port]`.
 */
export function endpoints(options: EndpointOptions = {}): Endpoints {
  const plainHttp = parseHosts("--plain-http", options.plainHttp ?? []);
  const hasCertificates = options.hasCertificates ?? (async () => false);
  const isPlain = (host: string): boolean | undefined => {
    const name = normalizeHost(host);
    return plainHttp.has(name) || options.builder?.get(name)?.http;
  };
  return {
    baseUrl(host) {
      const api = apiHost(host);
      const isLocal = URL.canParse(`http://${api}`) && isLoopbackHost(new URL(`http://${api}`).hostname);
      return `${(isPlain(host) ?? isLocal) ? "http" : "https"}://${api}`;
    },
    settleScheme: (next) => {
      const settling: Settling = { next, hasCertificates, ports: new Map() };
      const asPlain = doubted(next);
      return (request) => {
        const origin = originOf(request.url);
        const host = hostOf(origin);
        if (origin.startsWith("http:") && plainHttp.has(normalizeHost(host))) return asPlain(request);
        const isOpen = origin.startsWith("http:") && isLoopbackHost(host.replace(/:\d+$/, "")) && !isPlain(host);
        if (!isOpen || settling.ports.get(origin)?.scheme === "http") return next(request);
        return settle(settling, request);
      };
    },
  };
}

/**
 * Towards hosts of `--plain-http`: one that has answered nothing yet and closes the connection, or answers in another
 * protocol, may speak TLS. Adds that to the error, which is not repeated for long: it would not mend itself.
 */
function doubted(next: Send): Send {
  const answered = new Set<Origin>();
  return async (request) => {
    const origin = originOf(request.url);
    try {
      const response = await next(request);
      answered.add(origin);
      return response;
    } catch (error) {
      const isHeard = hasCode(error, "connection_failed", "not_a_registry") && error.context.sent !== "nothing";
      if (!isHeard || answered.has(origin)) throw error;
      const advice = `If "${hostOf(origin)}" speaks TLS, leave --plain-http out`;
      const cause = Object.assign(new Error("it has answered nothing", { cause: error.cause }), {
        code: "PERHAPS_TLS",
      });
      throw new WaybillError(error.code, error.message, { ...error.context, advice }, { cause });
    }
  };
}

interface Port {
  scheme?: "http" | "https";
  /** The request that is out to settle it. */
  pending?: Promise<unknown>;
}

interface Settling {
  readonly next: Send;
  readonly hasCertificates: (hostPort: string) => Promise<boolean>;
  readonly ports: Map<Origin, Port>;
}

async function settle(settling: Settling, request: HttpRequest): Promise<HttpResponse> {
  const origin = originOf(request.url);
  const port = settling.ports.get(origin) ?? {};
  settling.ports.set(origin, port);
  while (!isSafe(request) && port.scheme === undefined && port.pending) await port.pending;
  request.signal?.throwIfAborted();
  if (port.scheme === "http") return settling.next(request);
  if (port.scheme === "https") return settling.next(overTls(request));
  const answer = probe(settling, port, request);
  const pending = answer.catch(() => undefined);
  port.pending = pending;
  try {
    return await answer;
  } finally {
    if (port.pending === pending) delete port.pending;
  }
}

function isSafe({ method }: HttpRequest): boolean {
  return method === "GET" || method === "HEAD";
}

async function probe(settling: Settling, port: Port, request: HttpRequest): Promise<HttpResponse> {
  if (await settling.hasCertificates(new URL(request.url).host)) {
    port.scheme = "https";
    return settling.next(overTls(request));
  }
  const plain = await plainAttempt(settling.next, request);
  if ("response" in plain && !plain.suspect) {
    port.scheme ??= "http";
    return plain.response;
  }
  return tlsAttempt(settling, port, { request, plain });
}

type PlainAttempt = { readonly response: HttpResponse; readonly suspect: boolean } | { readonly error: unknown };

/** Sends it over HTTP. A failure that no TLS port would cause is thrown. */
async function plainAttempt(next: Send, request: HttpRequest): Promise<PlainAttempt> {
  try {
    const response = await next(request);
    if (response.status !== 400 || originOf(response.url) !== originOf(request.url))
      return { response, suspect: false };
    return await suspected(request, response);
  } catch (error) {
    // Nobody listens: that is no sign of TLS, except that without a port HTTP and TLS knock at different ones.
    const isClosed = causeCodeOf(error) === "ECONNREFUSED" && new URL(request.url).port !== "";
    if (isClosed || !hasCode(error, "connection_failed", "not_a_registry")) throw error;
    return { error };
  }
}

/** Servers for TLS tell plain callers so in a 400; to a HEAD they cannot. */
async function suspected(request: HttpRequest, response: HttpResponse): Promise<PlainAttempt> {
  if (request.method === "HEAD") return { response, suspect: true };
  const [start, whole] = await peek(response, 4096);
  const text = Buffer.from(start).toString("latin1");
  const suspect = /HTTP request (?:to an|was sent to) HTTPS|plain HTTP to an SSL-enabled/i.test(text);
  return { response: whole, suspect };
}

interface Doubt {
  readonly request: HttpRequest;
  readonly plain: PlainAttempt;
}

/** Tries TLS. Where that is no better, what HTTP gave is the outcome; a certificate that is not trusted is proof of TLS. */
async function tlsAttempt({ next }: Settling, port: Port, { request, plain }: Doubt): Promise<HttpResponse> {
  try {
    const response = await next(overTls(request));
    port.scheme = "https";
    if ("response" in plain) await plain.response[Symbol.asyncDispose]();
    return response;
  } catch (error) {
    if (speaksTls(error)) {
      port.scheme = "https";
      if ("response" in plain) await plain.response[Symbol.asyncDispose]();
      throw error;
    }
    if ("error" in plain) throw plain.error;
    port.scheme ??= "http";
    return plain.response;
  }
}

/** True unless the failure may come from a port that does not speak TLS at all. */
function speaksTls(error: unknown): boolean {
  if (!(error instanceof WaybillError)) return true;
  if (error.code === "connection_failed" || error.code === "timeout") return isAfterHandshake(error);
  return error.code !== "tls_failed" || !isNoTls(causeCodeOf(error));
}

/** Nothing of a request leaves before TLS is agreed on, and nobody waits for an answer before. */
function isAfterHandshake({ context: { sent = "nothing", phase = "" } }: WaybillError): boolean {
  return sent !== "nothing" || ["headers", "idle", "rate"].includes(phase);
}

function overTls(request: HttpRequest): HttpRequest {
  const own = originOf(request.url);
  const secure = `https:${own.slice("http:".length)}`;
  const url = `https:${request.url.slice(request.url.indexOf(":") + 1)}`;
  return { ...request, url, ...(request.ledBy === own && { ledBy: secure as Origin }) };
}
