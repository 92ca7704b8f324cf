import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Clock } from "../async/clock.ts";
import { hasCode, WaybillError } from "../errors.ts";
import type { Send } from "../http/send.ts";
import { admit, isLoopback, type Gate } from "./gate.ts";
import { readRequest } from "./node-request.ts";
import { refuse, writeResponse } from "./node-response.ts";
import { Tally } from "./tally.ts";

/** Where a server listens, and for whom. */
export interface ServeOptions {
  /** An address of this machine, or a name for one. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** PEM texts. With them the server speaks TLS only. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  /** Hosts, `name` or `name:port`, that requests may also be addressed to when the server is bound to loopback. */
  readonly allowHosts?: readonly string[];
  /** Called once with the URL, before the first request can arrive. */
  readonly onListening?: (url: string) => void;
  /** Hears of errors that are bugs: the client gets a 500 or a broken connection. What it throws is dropped. */
  readonly onError?: (error: unknown) => void;
  /** A server that has so many closes the one that is idle longest for the next; where none is idle, the next. Default 512. */
  readonly maxConnections?: number;
  /** Times the closing. */
  readonly clock: Clock;
}

/** A server that listens. Whoever started it closes it; the registry behind it stays as it is. */
export interface RunningServer {
  /** Such as `http://127.0.0.1:5000`, without a final slash. */
  readonly url: string;
  readonly address: { readonly host: string; readonly port: number };
  /**
   * Takes no more connections, gives running requests two seconds, then ends them. Done as soon as the last one is. Safe to call
   * twice.
   */
  close(): Promise<void>;
}

const headersTimeoutMs = 10_000;
const handshakeTimeoutMs = 10_000;
/** Nothing moved on a socket for so long that whoever held it has gone. A commit of many gigabytes may be silent for minutes. */
const idleTimeoutMs = 300_000;
const keepAliveTimeoutMs = 30_000;
const graceMs = 2_000;

/**
 * Puts `send` behind a socket. Bodies stream both ways at the speed of the slower side; a client that goes away breaks the request's
 * body, so that the registry keeps what has come.
 *
 * Bound to loopback, it answers only requests that are addressed to loopback or to `allowHosts`, and none that a web page of another
 * origin sends.
 *
 * @throws WaybillError `io_failed` when the address cannot be had; what `onListening` throws. Nothing listens then.
 */
export async function serve(send: Send, options: ServeOptions): Promise<RunningServer> {
  const { host, port, tls, maxConnections = 512 } = options;
  const limits = {
    connectionsCheckingInterval: 5_000,
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
    maxHeaderSize: 16 * 1024,
    noDelay: true,
    highWaterMark: 256 * 1024,
  };
  const secure = { ...limits, ...tls, handshakeTimeout: handshakeTimeoutMs };
  const server = tls ? createTlsServer(secure) : createServer(limits);
  const connections = new Connections(server, maxConnections);
  server.maxConnections = maxConnections;
  server.timeout = idleTimeoutMs;
  server.keepAliveTimeout = keepAliveTimeoutMs;
  await listen(server, host, port);
  const bound = server.address() as AddressInfo;
  const url = `${tls ? "https" : "http"}://${bracketed(host)}:${bound.port}`;
  const gate: Gate = {
    scheme: tls ? "https" : "http",
    onLoopback: isLoopback(bound.address),
    allowHosts: options.allowHosts ?? [],
  };
  server.on("request", (incoming, outgoing) => {
    connections.answering(incoming.socket, outgoing);
    void exchange({ incoming, outgoing, gate, send, onError: options.onError });
  });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= shut(server, connections, options.clock));
  try {
    options.onListening?.(url);
  } catch (error) {
    await close();
    throw error;
  }
  return { url, address: { host: bound.address, port: bound.port }, close };
}

interface Arrival {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly gate: Gate;
  readonly send: Send;
  readonly onError: ((error: unknown) => void) | undefined;
}

/** One request from its head to the end of its response. Never rejects. */
async function exchange({ incoming, outgoing, gate, send, onError }: Arrival): Promise<void> {
  const gone = new AbortController();
  outgoing.on("error", () => undefined);
  outgoing.once("close", () => {
    if (!outgoing.writableFinished)
      gone.abort(new WaybillError("cancelled", "Cannot go on with request: its client has gone"));
  });
  try {
    const refused = admit(incoming, gate);
    if (refused) return refuse(outgoing, refused);
    const request = readRequest(incoming, { scheme: gate.scheme, signal: gone.signal });
    if (!request) return refuse(outgoing, { status: 501, why: "this server does not know the method" });
    await using response = await send(request);
    await writeResponse(outgoing, response);
  } catch (error) {
    // A broken connection is somebody's wish, or the end of one; a client that went away has nobody left to tell.
    const isBroken = hasCode(error, "connection_failed");
    if (!gone.signal.aborted && !incoming.errored && !isBroken) tell(onError, error);
    // What was already answered still goes out: a broken answer is shorter than it said, not absent.
    if (outgoing.headersSent || outgoing.destroyed) outgoing.socket?.destroySoon();
    else if (isBroken) outgoing.socket?.resetAndDestroy();
    else refuse(outgoing, { status: 500, why: "the server failed" });
  } finally {
    // What is left of a body that nobody wanted: read and dropped, or the client would never get round to its answer.
    incoming.resume();
  }
}

/** What a listener throws is its own affair: the client waits for its answer. */
function tell(onError: ServeOptions["onError"], error: unknown): void {
  try {
    onError?.(error);
  } catch {
    // There is nobody else to tell.
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      const code = codeOf(cause);
      const context = code === "EADDRINUSE" ? { advice: "another program listens there; port 0 picks a free one" } : {};
      reject(new WaybillError("io_failed", `Cannot listen on ${bracketed(host)}:${port}: ${code}`, context, { cause }));
    };
    server.once("error", fail);
    server.listen({ host, port }, () => {
      server.off("error", fail);
      // Accepting may fail later, for want of descriptors: those connections are lost, the server is not.
      server.on("error", () => undefined);
      resolve();
    });
  });
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function shut(server: Server, connections: Connections, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(graceMs, () => connections.destroy());
    server.close(() => {
      cancel();
      resolve();
    });
    server.closeIdleConnections();
    connections.leave();
  });
}

/** The connections of a server, from the moment that they are accepted: Node's own list has those that have come to HTTP. */
class Connections {
  readonly #open = new Set<Socket>();
  /** Where requests are under way; a client may send several without waiting. */
  readonly #busy = new Tally<Socket>();
  /** Where an answer has left and nothing has come since, longest first. */
  readonly #idle = new Set<Socket>();
  #isLeaving = false;

  constructor(server: Server, most: number) {
    server.on("connection", (socket: Socket) => {
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
      if (this.#open.size >= most) this.#closeIdle();
    });
    // With TLS, requests come by a socket that is another one than that which was accepted.
    for (const event of ["connection", "secureConnection"])
      server.on(event, (socket: Socket) => socket.once("close", () => this.#idle.delete(socket)));
    server.on("drop", () => this.#closeIdle());
  }

  /** `socket` is in use until `outgoing` has left by it. */
  answering(socket: Socket, outgoing: ServerResponse): void {
    this.#busy.add(socket);
    this.#idle.delete(socket);
    outgoing.once("close", () => {
      this.#busy.remove(socket);
      if (this.#busy.has(socket)) return;
      if (this.#isLeaving) socket.destroySoon();
      else if (!socket.destroyed) this.#idle.add(socket);
    });
  }

  #closeIdle(): void {
    const [longest] = this.#idle;
    if (!longest) return;
    this.#idle.delete(longest);
    longest.destroySoon();
  }

  /** Ends each when its last answer has left, and at once those on which nobody has said anything. */
  leave(): void {
    this.#isLeaving = true;
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy();
  }

  destroy(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
