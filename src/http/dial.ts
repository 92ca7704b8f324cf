import type { Socket } from "node:net";
import { connect as connectTcp } from "node:net";
import type { ConnectionOptions, SecureContext } from "node:tls";
import type { Clock } from "../async/clock.ts";
import { unlessAborted } from "../async/on-abort.ts";
import { WaybillError } from "../errors.ts";
import type { Marks } from "../telemetry/marks.ts";
import type { AddressClass } from "./address.ts";
import { classOfAddress } from "./address.ts";
import { AnswerParser } from "./answer-parser.ts";
import type { Deadlines } from "./deadlines.ts";
import type { PhaseLimits } from "./phase.ts";
import { codeOf, ProxyFailed } from "./outcome.ts";
import { Cancelled, phase } from "./phase.ts";
import { unescaped } from "./proxy.ts";
import { textOf } from "./request-head.ts";
import type { Lookup } from "./resolve.ts";
import { resolveHost } from "./resolve.ts";
import { bareHost, portOf } from "./url.ts";

/** How TLS is spoken with one `host:port`; fields as in `tls.connect`. */
export interface TlsSettings {
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
}

export interface DialContext {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly lookup: Lookup;
  readonly tlsFor: (hostPort: string) => Promise<TlsSettings> | TlsSettings;
  /** Parsed authorities and keys, by the settings they came from: parsing a large bundle takes longer than a handshake. */
  readonly secureContexts: WeakMap<TlsSettings, SecureContext>;
}

export interface DialTarget {
  readonly url: URL;
  readonly proxy?: URL | undefined;
  /** Application protocols to offer in TLS, best first. */
  readonly alpn: readonly string[];
  readonly signal?: AbortSignal | undefined;
  /** Where name lookup, connecting and the TLS handshake are noted. */
  readonly marks?: Marks | undefined;
  /** Throws where an address must not be connected to. Through a proxy it sees literal addresses only. */
  readonly check: (address: AddressClass) => void;
}

/** A connected socket, ready for HTTP. */
export interface Line {
  readonly socket: Socket;
  /** `undefined` behind a proxy, for hosts given by name. */
  readonly reachedOn: AddressClass | undefined;
  /** What TLS agreed on; empty without TLS or without an agreement. */
  readonly alpn: string;
}

/** Bytes that a socket buffers in each direction: large enough to keep a fast line busy, small enough for 64 of them. */
const socketBufferBytes = 256 * 1024;

/**
 * Opens a connection: name, address check, TCP, proxy, TLS, each within its deadline. Whoever gets the socket destroys it.
 *
 * @throws DeadlineExpired, Cancelled, WaybillError (`address_forbidden`, a proxy's refusal) or Node's error.
 */
export async function dial(target: DialTarget, context: DialContext): Promise<Line> {
  const plain = await dialPlain(target, context);
  if (target.url.protocol !== "https:") return { alpn: "", ...plain };
  const socket = await secure(plain.socket, target, context);
  return { socket, reachedOn: plain.reachedOn, alpn: socket.alpn };
}

/** A connected socket before TLS, if there is to be any: straight, or through a proxy. */
export type PlainLine = Omit<Line, "alpn">;

/** As `dial`, without the last step: TLS with the host itself. */
export function dialPlain(target: DialTarget, context: DialContext): Promise<PlainLine> {
  return target.proxy ? dialProxy(target, target.proxy, context) : dialStraight(target, context);
}

async function dialStraight(target: DialTarget, context: DialContext): Promise<PlainLine> {
  const socket = await openTcp(target, context);
  return { socket, reachedOn: classOfAddress(socket.remoteAddress ?? "") };
}

async function dialProxy(target: DialTarget, proxy: URL, context: DialContext): Promise<PlainLine> {
  if (proxy.protocol !== "http:" && proxy.protocol !== "https:") {
    throw new WaybillError(
      "unsupported",
      `Cannot use proxy "${proxy.host}": scheme "${proxy.protocol}" is not supported`,
      { sent: "nothing" },
    );
  }
  const reachedOn = classOfAddress(target.url.hostname);
  if (reachedOn !== undefined) target.check(reachedOn);
  const { signal, marks } = target;
  const plain = await openTcp({ url: proxy, signal, marks, check: () => undefined }, context).catch(
    (error: unknown) => {
      throw isOfTheSystem(error) ? new ProxyFailed(proxy.host, error) : error;
    },
  );
  const socket =
    proxy.protocol === "https:"
      ? await secure(plain, { url: proxy, alpn: ["http/1.1"], signal, marks }, context)
      : plain;
  if (target.url.protocol === "https:") return { socket: await tunnel(socket, target, proxy, context), reachedOn };
  return { socket, reachedOn };
}

/** Not a deadline, a cancellation or a refusal of our own. */
function isOfTheSystem(error: unknown): error is Error {
  return error instanceof Error && codeOf(error) !== "" && !(error instanceof WaybillError);
}

async function openTcp(target: Omit<DialTarget, "alpn">, context: DialContext): Promise<Socket> {
  const { url, signal, marks, check } = target;
  const { clock, deadlines, lookup } = context;
  const common = { clock, signal, marks };
  const addresses = await resolveHost(url.hostname, lookup, { delayMs: deadlines.dnsMs, ...common }, check);
  const limits: PhaseLimits = { delayMs: deadlines.connectMs, ...common };
  const options = {
    host: bareHost(url.hostname),
    port: portOf(url),
    noDelay: true,
    keepAlive: true,
    highWaterMark: socketBufferBytes,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: 1000,
    lookup: (
      _host: string,
      _options: unknown,
      answer: (error: null, addresses: { address: string; family: number }[]) => void,
    ) => answer(null, [...addresses]),
  };
  return phase<Socket>("connect", limits, (done, fail) => {
    const socket = connectTcp(options);
    // Stays for good: an error that nobody waits for must not end the process.
    socket.on("error", fail);
    socket.once("connect", () => done(socket));
    return () => socket.destroy();
  });
}

type SecureTarget = Pick<DialTarget, "url" | "alpn" | "signal" | "marks">;

async function secure(plain: Socket, target: SecureTarget, context: DialContext): Promise<Socket & { alpn: string }> {
  const { connect, createSecureContext } = await import("node:tls");
  const reading = tlsOptions(plain, target.url, context, createSecureContext);
  const options = await unlessAborted(reading, target.signal, () => new Cancelled()).catch((error: unknown) => {
    plain.destroy();
    throw error;
  });
  const { signal, marks } = target;
  const limits: PhaseLimits = { clock: context.clock, delayMs: context.deadlines.tlsMs, signal, marks };
  return phase("tls", limits, (done, fail) => {
    const socket = connect({ ...options, ALPNProtocols: [...target.alpn] });
    socket.on("error", fail);
    socket.once("close", () =>
      fail(Object.assign(new Error("closed during the TLS handshake"), { code: "ECONNRESET" })),
    );
    socket.once("secureConnect", () => done(Object.assign(socket, { alpn: socket.alpnProtocol || "" })));
    return () => {
      socket.destroy();
      plain.destroy();
    };
  });
}

/** How TLS is begun over `socket`, as `tlsFor` says. */
export async function tlsOptions(
  socket: Socket,
  url: URL,
  context: DialContext,
  createContext: (options: object) => SecureContext,
): Promise<ConnectionOptions> {
  const settings = await context.tlsFor(`${url.hostname}:${portOf(url)}`);
  const { ca, cert, key, rejectUnauthorized = true } = settings;
  const secureContext = context.secureContexts.get(settings) ?? createContext({ ca, cert, key });
  context.secureContexts.set(settings, secureContext);
  const isAddress = classOfAddress(url.hostname) !== undefined;
  return {
    socket,
    secureContext,
    rejectUnauthorized,
    host: bareHost(url.hostname),
    ...(isAddress ? {} : { servername: url.hostname }),
  };
}

/** Asks the proxy for a way through. The answer has the connect deadline. */
function tunnel(socket: Socket, target: DialTarget, proxy: URL, context: DialContext): Promise<Socket> {
  const authority = `${target.url.hostname}:${portOf(target.url)}`;
  const { signal, marks } = target;
  const limits: PhaseLimits = { clock: context.clock, delayMs: context.deadlines.connectMs, signal, marks };
  return phase<Socket>("connect", limits, (done, fail) => {
    const parser = new AnswerParser("CONNECT", {
      answered: ({ status }) => void (status !== 200 && fail(proxyRefusal(proxy, status))),
      received: () => undefined,
      receivedAll(isExact) {
        stopListening();
        // TLS begins with us.
        if (isExact) done(socket);
        else fail(new Error("the proxy said more than that the way is open"));
      },
    });
    const stopListening = listen(socket, { take: (chunk) => parser.take(chunk), fail });
    socket.write(textOf("CONNECT", { target: authority, headers: { host: authority, ...proxyAuthorization(proxy) } }));
    return () => socket.destroy();
  });
}

interface Listener {
  readonly take: (chunk: Buffer) => void;
  readonly fail: (error: Error) => void;
}

/** Tells what comes on a socket, until the returned function is called. */
function listen(socket: Socket, { take, fail }: Listener): () => void {
  const onData = (chunk: Buffer) => {
    try {
      take(chunk);
    } catch (error) {
      fail(error as Error);
    }
  };
  const onClose = () => fail(Object.assign(new Error("closed without an answer"), { code: "ECONNRESET" }));
  socket.on("data", onData).on("error", fail).on("close", onClose);
  return () => {
    socket.off("data", onData).off("error", fail).off("close", onClose);
    socket.pause();
  };
}

/** What a proxy's refusal means: 407 and other refusals stay as they are, its own trouble may pass. */
export function proxyRefusal(proxy: URL, status: number): WaybillError {
  const context = { status, phase: "proxy", sent: "nothing" } as const;
  if (status === 407) {
    const advice = "Put the user and password into the proxy's URL: http://USER:PASSWORD@HOST:PORT";
    return new WaybillError("auth_required", `Cannot use proxy "${proxy.host}": it asks for credentials`, {
      ...context,
      advice,
    });
  }
  const code = status >= 500 || status === 429 ? "connection_failed" : "rejected";
  return new WaybillError(code, `Cannot use proxy "${proxy.host}": it answered ${status}`, context);
}

/** The header with which a proxy is told who asks; nothing where its URL names nobody. */
export function proxyAuthorization(proxy: URL): Readonly<Record<string, string>> {
  if (proxy.username === "" && proxy.password === "") return {};
  const pair = [proxy.username, proxy.password].map(unescaped).join(":");
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}
