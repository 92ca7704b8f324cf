import type { Socket } from "node:net";
import type { AddressClass } from "./address.ts";
import type { Line } from "./dial.ts";
import { lingerOnWriteErrors } from "./linger.ts";

/** How long an idle connection is kept where the server does not say: shorter than the usual servers and balancers do. */
const defaultIdleMs = 30_000;

/** What a connection tells the request that uses it. */
export interface ConnectionUser {
  take(chunk: Buffer): void;
  /** Everything written has left. */
  drained(): void;
  /** The other side sends nothing more. */
  ended(): void;
  failed(error: Error): void;
  /** Told last. */
  closed(): void;
}

/** A connection for HTTP/1.1, used by one request at a time. */
export class Connection {
  readonly socket: Socket;
  /** The one that carries `socket`: itself where there is no TLS. */
  readonly tcp: Socket;
  readonly reachedOn: AddressClass | undefined;
  /** True when an earlier request has used it: the server may have closed it at this very moment. */
  reused = false;
  /** How long it may lie idle, in milliseconds. */
  idleMs = defaultIdleMs;
  readonly #onIdle: (connection: Connection) => void;
  #user: ConnectionUser | undefined;

  /** `onIdle` is told each time that a request has left it fit for the next. */
  constructor({ socket, tcp, reachedOn }: Line, onIdle: (connection: Connection) => void) {
    this.socket = socket;
    this.tcp = tcp;
    this.reachedOn = reachedOn;
    this.#onIdle = onIdle;
    lingerOnWriteErrors(socket);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("drain", () => this.#user?.drained());
    socket.on("end", () => this.#user?.ended());
    socket.on("error", (error) => this.#user?.failed(error));
    socket.on("close", () => this.#user?.closed());
  }

  /** Whether a request can be written to it, as far as is known. */
  get isOpen(): boolean {
    return !this.socket.destroyed && this.socket.writable;
  }

  /** Gives it to one request, until `release`. */
  use(user: ConnectionUser): void {
    if (this.reused) this.socket.ref();
    this.#user = user;
  }

  /** The request is over; a connection that is not fit for another is destroyed. */
  release(isFit: boolean): void {
    this.#user = undefined;
    if (!isFit || !this.isOpen) return void this.socket.destroy();
    // An idle connection does not keep the process alive.
    this.socket.unref();
    this.reused = true;
    this.#onIdle(this);
  }

  #take(chunk: Buffer): void {
    // Nobody asked for anything: what comes would be taken for the next request's answer.
    if (this.#user) this.#user.take(chunk);
    else this.socket.destroy();
  }
}

/** Destroys a socket and waits until it is closed. */
export function destroyed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.once("close", () => resolve());
    socket.destroy();
  });
}

/** Destroys a connection, with what the kernel would go on sending over it, and waits until it is closed. */
export function reset({ socket, tcp }: Pick<Connection, "socket" | "tcp">): Promise<void> {
  if (!tcp.destroyed) tcp.resetAndDestroy();
  return destroyed(socket);
}

/** For how long a server says it keeps an idle connection, less a second for the way there; `undefined` where it does not say. */
export function idleHintMs(keepAlive: string | undefined): number | undefined {
  const seconds = /(?:^|[\s,;])timeout=(\d{1,6})/i.exec(keepAlive ?? "")?.[1];
  return seconds === undefined ? undefined : Math.max(0, Number(seconds) * 1000 - 1000);
}
