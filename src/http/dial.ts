import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import type { Clock } from "../async/clock.ts";
import type { Marks } from "../telemetry/marks.ts";
import type { AddressClass } from "./address.ts";
import { classOfAddress } from "./address.ts";
import type { Deadlines } from "./deadlines.ts";
import { openTcp } from "./dial-tcp.ts";
import { secure } from "./dial-tls.ts";
import type { Lookup } from "./resolve.ts";
import { dialProxy } from "./tunnel.ts";

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
  /** The connection that carries `socket`: itself where there is no TLS. */
  readonly tcp: Socket;
  /** `undefined` behind a proxy, for hosts given by name. */
  readonly reachedOn: AddressClass | undefined;
  /** What TLS agreed on; empty without TLS or without an agreement. */
  readonly alpn: string;
}

/**
 * Opens a connection: name, address check, TCP, proxy, TLS, each within its deadline. Whoever gets the socket destroys it.
 *
 * @throws DeadlineExpired, ProxyFailed, Cancelled, WaybillError (`address_forbidden`, a proxy's refusal) or Node's error.
 */
export async function dial(target: DialTarget, context: DialContext): Promise<Line> {
  const plain = await dialPlain(target, context);
  if (target.url.protocol !== "https:") return { alpn: "", ...plain };
  const socket = await secure(plain.socket, target, context);
  return { ...plain, socket, alpn: socket.alpnProtocol || "" };
}

/** A connected socket before TLS, if there is to be any: straight, or through a proxy. */
export type PlainLine = Omit<Line, "alpn">;

/** As `dial`, without the last step: TLS with the host itself. */
export function dialPlain(target: DialTarget, context: DialContext): Promise<PlainLine> {
  return target.proxy ? dialProxy(target, target.proxy, context) : dialStraight(target, context);
}

async function dialStraight(target: DialTarget, context: DialContext): Promise<PlainLine> {
  const socket = await openTcp(target, context);
  return { socket, tcp: socket, reachedOn: classOfAddress(socket.remoteAddress ?? "") };
}
