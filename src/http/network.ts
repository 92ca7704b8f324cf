import type { Clock } from "../async/clock.ts";
import { hasCode, WaybillError, type Sent } from "../errors.ts";
import type { Marks } from "../telemetry/marks.ts";
import type { AddressClass } from "./address.ts";
import { assertAddressAllowed } from "./address.ts";
import { attempt } from "./attempt.ts";
import type { Connection } from "./connection.ts";
import type { LineReport } from "./dial-inspect.ts";
import type { Deadlines } from "./deadlines.ts";
import { defaultDeadlines, regularLooks } from "./deadlines.ts";
import type { DialContext, Line, TlsSettings } from "./dial.ts";
import { dial } from "./dial.ts";
import type { AttemptContext } from "./exchange.ts";
import type { AttemptOutcome } from "./outcome.ts";
import { cancelledError, errorOf } from "./outcome.ts";
import { createPool } from "./pool.ts";
import { headersOf, targetOf, type RequestHead } from "./request-head.ts";
import type { Lookup } from "./resolve.ts";
import { systemLookup } from "./resolve.ts";
import type { HttpRequest, HttpResponse, Origin, Send } from "./send.ts";
import { originOf } from "./url.ts";
import type { Session } from "./session2.ts";
import { createSessions } from "./sessions.ts";
import { proxyAuthorization, proxyRefusal } from "./tunnel.ts";
import { unackedBytes, type TcpTable } from "./unacked.ts";

export type { TlsSettings } from "./dial.ts";
export type { LineReport, TlsReport } from "./dial-inspect.ts";
export type { Lookup } from "./resolve.ts";

export interface NetworkOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  /**
   * How to speak TLS with a `host:port`; default with Node's own authorities. Asked when a TLS connection is made, not before; the
   * same object each time saves parsing.
   */
  readonly tlsFor?: (hostPort: string) => Promise<TlsSettings> | TlsSettings;
  /** The proxy for a URL; default none. */
  readonly proxyFor?: (url: string) => string | undefined;
  /** Hosts, or `host:port`, whose private and loopback addresses a registry may lead us to; default none. */
  readonly allowPrivate?: readonly string[];
  /** How long each part of an exchange may take; default `defaultDeadlines`, for each that is not told. */
  readonly deadlines?: Partial<Deadlines>;
  /** How names are looked up; default the operating system's resolver. */
  readonly lookup?: Lookup;
  /** The system's list of TCP connections, by which a slow body is told from one that stands still; default none. */
  readonly tcpTable?: TcpTable;
  /** HTTP/2: `auto` where TLS agrees on it, `on` also without TLS and without asking; default `off`. */
  readonly http2?: "auto" | "on" | "off";
  /** Told of each event that came after its attempt had ended. For counting only. */
  readonly onLateEvent?: () => void;
}

/** The wire itself: connections to registries, kept for the next request until `close`. */
export interface Network {
  readonly send: Send;
  /**
   * Destroys all connections, also those in use, and waits until they are closed. What was under way, and whatever is sent
   * from then on, fails with `cancelled`. Safe to call twice.
   */
  close(): Promise<void>;
}

/** A network of sockets. */
export interface SocketNetwork extends Network {
  /**
   * Opens a connection to `url`'s origin as `send` would, looks at what it goes through, and closes it.
   *
   * @throws WaybillError `cancelled`. All other failures are part of the report.
   */
  inspect(url: string, options?: { readonly signal?: AbortSignal }): Promise<LineReport>;
}

/** A request is repeated at once, without being asked, so many times at most: when nobody can have seen it. */
const freeRounds = 3;

/** Makes a network without connections. */
export function createNetwork(options: NetworkOptions): SocketNetwork {
  const deadlines = { ...defaultDeadlines, ...options.deadlines };
  const { clock, userAgent, lookup = systemLookup, tlsFor = () => ({}), onLateEvent = () => undefined } = options;
  const { tcpTable = async () => "" } = options;
  const dialing: DialContext = { clock, deadlines, lookup, tlsFor, secureContexts: new WeakMap() };
  const lookRegularly = regularLooks(clock, deadlines);
  const attempts: AttemptContext = {
    clock,
    deadlines,
    lookRegularly,
    bodies: new Map(),
    unacked: unackedBytes(tcpTable),
    onLate: onLateEvent,
  };
  const pool = createPool(clock);
  const http2 = options.http2 ?? "off";
  const sessions = createSessions({
    ...attempts,
    priorKnowledge: http2 === "on",
    onOldLine: (key, line) => pool.offer(key, line),
  });
  const reached = new Map<Origin, AddressClass>();
  const addressCheck = addressCheckOf(options.allowPrivate ?? [], reached);
  let isClosed = false;

  function proxyOf(url: string): URL | undefined {
    const proxy = options.proxyFor?.(url);
    return proxy === undefined ? undefined : new URL(proxy);
  }

  async function dialFor(route: Route, alpn: readonly string[], signal: AbortSignal | undefined): Promise<Line> {
    const { origin, proxy, marks, check } = route;
    const line = await dial({ url: new URL(origin), proxy, alpn, signal, marks, check }, dialing);
    if (isClosed) line.socket.destroy();
    if (line.reachedOn !== undefined) reached.set(origin, line.reachedOn);
    return line;
  }

  async function newConnection(route: Route, signal: AbortSignal | undefined): Promise<Connection> {
    return pool.adopt(route.key, await dialFor(route, ["http/1.1"], signal));
  }

  function mayBeHttp2({ origin, proxy }: Route): boolean {
    return isOverTls(origin) ? http2 !== "off" : http2 === "on" && !proxy;
  }

  async function sessionFor(route: Route, signal: AbortSignal | undefined): Promise<Session | undefined> {
    const { origin, key } = route;
    const session = await sessions.get(key, origin, (inFlight) => dialFor(route, ["h2", "http/1.1"], inFlight), signal);
    if (session?.reachedOn !== undefined) route.check(session.reachedOn);
    return session;
  }

  async function once(request: HttpRequest, headers: Headers, fresh: boolean): Promise<AttemptOutcome> {
    const proxy = proxyOf(request.url);
    const origin = originOf(request.url);
    const { marks } = request;
    const route = { origin, proxy, key: `${origin} ${proxy?.href ?? ""}`, marks, check: addressCheck(request) };
    try {
      const head = headOf(request.url, headers, proxy);
      let session = mayBeHttp2(route) ? await sessionFor(route, request.signal) : undefined;
      // Others who asked at the same time may have taken the last stream.
      while (session?.hasRoom === false) session = await sessionFor(route, request.signal);
      if (session) {
        marks?.add("connection");
        return await session.attempt(request, head);
      }
      const known = fresh ? undefined : pool.take(route.key);
      const connection = known ? checked(known, route.check) : await newConnection(route, request.signal);
      marks?.add("connection");
      const outcome = await attempt(request, head, connection, attempts);
      return proxy ? await withoutProxyRefusal(outcome, proxy) : outcome;
    } catch (error) {
      const isCancelled = request.signal?.aborted;
      const seen = isCancelled ? cancelledError(request, "nothing") : errorOf(request, error, "nothing");
      return { kind: "failed", error: seen, free: false };
    }
  }

  async function send(request: HttpRequest): Promise<HttpResponse> {
    const headers = headersOf(request, userAgent);
    if (request.signal?.aborted) throw cancelledError(request, "nothing");
    for (let round = 1; ; round += 1) {
      if (round > 1) request.marks?.add("repeated");
      if (isClosed) throw closedError(request);
      const outcome = await once(request, headers, round > 1 || request.isFresh === true);
      if (outcome.kind === "response") return outcome.response;
      if (isClosed && hasCode(outcome.error, "connection_failed"))
        throw closedError(request, outcome.error.context.sent);
      if (!outcome.free || round === freeRounds) throw outcome.error;
    }
  }

  async function inspect(url: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<LineReport> {
    const { inspectLine } = await import("./dial-inspect.ts");
    const proxy = proxyOf(url);
    return inspectLine({ url: new URL(originOf(url)), proxy, signal }, dialing);
  }

  async function close(): Promise<void> {
    isClosed = true;
    await Promise.all([pool.close(), sessions.close()]);
  }

  return { send, inspect, close };
}

/** No failure of the registry, and nothing to try again. */
function closedError(request: HttpRequest, sent: Sent = "nothing"): WaybillError {
  const { host } = new URL(request.url);
  const context = { registry: request.registry ?? host, sent };
  return new WaybillError("cancelled", `Cannot finish ${request.method} to "${host}": its network was closed`, context);
}

type Headers = Readonly<Record<string, string>>;

/** How a request gets to its origin. */
interface Route {
  readonly origin: Origin;
  readonly proxy: URL | undefined;
  /** What connections may be shared by. */
  readonly key: string;
  readonly marks: Marks | undefined;
  readonly check: Check;
}

/** Proxies speak for a plain-HTTP request with their own 407: that is no answer of the registry. */
async function withoutProxyRefusal(outcome: AttemptOutcome, proxy: URL): Promise<AttemptOutcome> {
  if (outcome.kind !== "response" || outcome.response.status !== 407) return outcome;
  await outcome.response[Symbol.asyncDispose]();
  return { kind: "failed", error: proxyRefusal(proxy, 407, outcome.response.headers), free: false };
}

function headOf(url: string, headers: Headers, proxy: URL | undefined): RequestHead {
  const origin = originOf(url);
  const target = targetOf(url);
  if (!proxy || isOverTls(origin)) return { target, headers };
  return { target: origin + target, headers: { ...headers, ...proxyAuthorization(proxy) } };
}

function isOverTls(origin: Origin): boolean {
  return origin.startsWith("https:");
}

type Check = (address: AddressClass) => void;

function addressCheckOf(
  allowPrivate: readonly string[],
  reached: ReadonlyMap<Origin, AddressClass>,
): (request: HttpRequest) => Check {
  return (request) => {
    const { ledBy, url } = request;
    if (ledBy === undefined || ledBy === originOf(url)) return () => undefined;
    const reachedOn = reached.get(ledBy);
    const leader = { origin: ledBy, ...(reachedOn === undefined ? {} : { reachedOn }) };
    return (address) => assertAddressAllowed(new URL(url).host, address, leader, { allowPrivate });
  };
}

function checked(connection: Connection, check: Check): Connection {
  try {
    if (connection.reachedOn !== undefined) check(connection.reachedOn);
    return connection;
  } catch (error) {
    connection.socket.destroy();
    throw error;
  }
}
