import { singleFlight } from "../async/single-flight.ts";
import type { Line } from "./dial.ts";
import type { AttemptContext } from "./exchange.ts";
import type { Session } from "./session2.ts";

/** HTTP/2 connections by origin and proxy: one each, opened by the first who asks, and more where a server allows few streams on it. */
export interface Sessions {
  /**
   * A session for `key`; `undefined` where the server speaks HTTP/1.1 only. `dialLine` is called when there is none that has
   * room for a request. Of those who waited for the same one, not all may find room.
   */
  get(
    key: string,
    origin: string,
    dialLine: (signal: AbortSignal) => Promise<Line>,
    signal?: AbortSignal,
  ): Promise<Session | undefined>;
  close(): Promise<void>;
}

export interface SessionsOptions extends AttemptContext {
  /** True when a line without ALPN speaks HTTP/2 all the same. */
  readonly priorKnowledge: boolean;
  /** Takes over a line that turned out to speak HTTP/1.1. */
  readonly onOldLine: (key: string, line: Line) => void;
}

/** Makes none yet. `node:http2` is loaded with the first. */
export function createSessions(options: SessionsOptions): Sessions {
  const open = new Map<string, Set<Session>>();
  const old = new Set<string>();
  const flight = singleFlight<string, Session | undefined>();

  async function start(key: string, origin: string, line: Line): Promise<Session | undefined> {
    if (line.alpn !== "h2" && !(line.alpn === "" && options.priorKnowledge)) {
      old.add(key);
      options.onOldLine(key, line);
      return undefined;
    }
    const { openSession } = await import("./session2.ts");
    const others = open.get(key) ?? new Set();
    open.set(key, others);
    const [known] = others;
    const session = openSession(origin, line, { ...options, ...(known && { mostStreams: known.mostStreams }) });
    others.add(session);
    line.socket.once("close", () => others.delete(session));
    return session;
  }

  return {
    async get(key, origin, dialLine, signal) {
      for (const known of open.get(key) ?? []) if (known.usable && known.hasRoom) return known;
      if (old.has(key)) return undefined;
      return flight(key, async (inFlight) => start(key, origin, await dialLine(inFlight)), { signal });
    },
    async close() {
      const all = [...open.values()].flatMap((sessions) => [...sessions]);
      await Promise.all(all.map((session) => session.close()));
    },
  };
}
