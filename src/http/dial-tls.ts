import type { Socket } from "node:net";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { unlessAborted } from "../async/on-abort.ts";
import { classOfAddress } from "./address.ts";
import type { DialContext, DialTarget } from "./dial.ts";
import type { PhaseLimits } from "./phase.ts";
import { Cancelled, phase } from "./phase.ts";
import { bareHost, portOf } from "./url.ts";

type TlsTarget = Pick<DialTarget, "url" | "alpn" | "signal" | "marks">;

/**
 * Speaks TLS over `plain`, which then belongs to the socket that it returns, and is destroyed where it throws.
 *
 * @throws DeadlineExpired, Cancelled, what `tlsFor` throws, or Node's error.
 */
export async function secure(plain: Socket, target: TlsTarget, context: DialContext): Promise<TLSSocket> {
  const options = await tlsOptions(plain, target, context).catch((error: unknown) => {
    plain.destroy();
    throw error;
  });
  const { signal, marks } = target;
  return handshake(options, { clock: context.clock, delayMs: context.deadlines.tlsMs, signal, marks });
}

/** How TLS is begun over `socket`, as `tlsFor` says. @throws Cancelled, or what `tlsFor` throws. */
export async function tlsOptions(
  socket: Socket,
  { url, alpn, signal }: TlsTarget,
  context: DialContext,
): Promise<ConnectionOptions> {
  const isAddress = classOfAddress(url.hostname) !== undefined;
  return {
    ...(await unlessAborted(trustFor(url, context), signal, () => new Cancelled())),
    socket,
    host: bareHost(url.hostname),
    ...(isAddress ? {} : { servername: url.hostname }),
    ALPNProtocols: [...alpn],
  };
}

async function trustFor(
  url: URL,
  { tlsFor, secureContexts }: DialContext,
): Promise<Pick<ConnectionOptions, "secureContext" | "rejectUnauthorized">> {
  const { createSecureContext } = await import("node:tls");
  const settings = await tlsFor(`${url.hostname}:${portOf(url)}`);
  const { ca, cert, key, rejectUnauthorized = true } = settings;
  const secureContext = secureContexts.get(settings) ?? createSecureContext({ ca, cert, key } as object);
  secureContexts.set(settings, secureContext);
  return { secureContext, rejectUnauthorized };
}

/** Begins TLS and waits for its end. Where it throws, the socket and the one below it are destroyed. @throws as `phase`. */
export async function handshake(options: ConnectionOptions, limits: PhaseLimits): Promise<TLSSocket> {
  const { connect } = await import("node:tls");
  return phase<TLSSocket>("tls", limits, (done, fail) => {
    const socket = connect(options);
    // Stay for good: an error that nobody waits for must not end the process.
    socket.on("error", fail);
    socket.once("close", () =>
      fail(Object.assign(new Error("closed during the TLS handshake"), { code: "ECONNRESET" })),
    );
    socket.once("secureConnect", () => done(socket));
    return () => {
      socket.destroy();
      options.socket?.destroy();
    };
  });
}
