import type { Socket } from "node:net";
import type { Clock } from "../async/clock.ts";
import { Connection, destroyed } from "./connection.ts";
import type { Line } from "./dial.ts";

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
    const list = idle.get(key) ?? [];
    idle.set(key, list);
    while (list[0] && list[0].until <= clock.now()) list.shift()?.connection.socket.destroy();
    list.push({ connection, until: clock.now() + connection.idleMs });
  }

  function adopt(key: string, line: Line): Connection {
    const { socket } = line;
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    if (closed) socket.destroy();
    return new Connection(line, (connection) => putBack(key, connection));
  }

  return {
    adopt,
    offer: (key, line) => adopt(key, line).release(true),
    take(key) {
      const list = idle.get(key);
      for (let last = list?.pop(); last; last = list?.pop()) {
        if (last.connection.isOpen && last.until > clock.now()) return last.connection;
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
