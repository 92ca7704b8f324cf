import type { Socket } from "node:net";
import type { Clock } from "../async/clock.ts";
import type { AddressClass } from "./address.ts";
import type { Line } from "./dial.ts";
import { LineAgent } from "./dial.ts";
import { lingerOnWriteErrors } from "./linger.ts";

/** How long an idle connection is kept where the server does not say: shorter than the usual servers and balancers do. */
const defaultIdleMs = 30_000;

/** A connection for HTTP/1.1, used by one request at a time. */
export interface Connection {
  readonly socket: Socket;
  /** Hands exactly this socket to a request. */
  readonly agent: LineAgent;
  readonly reachedOn: AddressClass | undefined;
  /** True when an earlier request has used it: the server may have closed it at this very moment. */
  reused: boolean;
  /** How long it may lie idle, in milliseconds. */
  idleMs: number;
}

/** Idle connections by origin and proxy. The one used last is taken first: it is the least likely to be closed. */
export interface Pool {
  take(key: string): Connection | undefined;
  /** Makes a connection of a fresh line; it comes back to the pool by itself when a request leaves it reusable. */
  adopt(key: string, line: Line): Connection;
  /** Makes an idle connection of a fresh line that nobody needs yet. */
  offer(key: string, line: Line): void;
  /** Destroys every connection, idle or busy. */
  close(): Promise<void>;
}

interface Idle {
  readonly connection: Connection;
  readonly until: number;
}

/** Makes an empty pool. */
export function createPool(clock: Clock): Pool {
  const idle = new Map<string, Idle[]>();
  const open = new Set<Socket>();
  let closed = false;

  function putBack(key: string, connection: Connection): void {
    if (closed) return void connection.socket.destroy();
    connection.reused = true;
    const list = idle.get(key) ?? [];
    idle.set(key, list);
    while (list[0] && list[0].until <= clock.now()) list.shift()?.connection.socket.destroy();
    list.push({ connection, until: clock.now() + connection.idleMs });
  }

  function adopt(key: string, line: Line): Connection {
    const { socket, reachedOn } = line;
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    lingerOnWriteErrors(socket);
    const agent = new LineAgent(socket, () => putBack(key, connection));
    const connection: Connection = { socket, agent, reachedOn, reused: false, idleMs: defaultIdleMs };
    if (closed) socket.destroy();
    return connection;
  }

  return {
    adopt,
    offer: (key, line) => putBack(key, adopt(key, line)),
    take(key) {
      const list = idle.get(key);
      for (let last = list?.pop(); last; last = list?.pop()) {
        if (!last.connection.socket.destroyed && last.until > clock.now()) return last.connection;
        last.connection.socket.destroy();
      }
      return undefined;
    },
    async close() {
      closed = true;
      await Promise.all([...open].map((socket) => destroyed(socket)));
    },
  };
}

/** Destroys a socket and waits until it is closed. */
export function destroyed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.once("close", () => resolve());
    socket.destroy();
  });
}

/** For how long a server says it keeps an idle connection, less a second for the way there; `undefined` where it does not say. */
export function idleHintMs(keepAlive: string | undefined): number | undefined {
  const seconds = /(?:^|[\s,;])timeout=(\d{1,6})/i.exec(keepAlive ?? "")?.[1];
  return seconds === undefined ? undefined : Math.max(0, Number(seconds) * 1000 - 1000);
}
