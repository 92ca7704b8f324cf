import { singleFlight } from "../async/single-flight.ts";
import type { Line } from "./dial.ts";
import type { AttemptContext } from "./exchange.ts";
import type { Session } from "./network2.ts";

/** HTTP/2 connections by origin and proxy: one each, opened by the first who asks. */
export interface Sessions {
  /** The session for `key`; `undefined` where the server speaks HTTP/1.1 only. `dialLine` is called when there is none yet. */
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
  const open = new Map<string, Session>();
  const all = new Set<Session>();
  const old = new Set<string>();
  const flight = singleFlight<string, Session | undefined>();

  async function start(key: string, origin: string, line: Line): Promise<Session | undefined> {
    if (line.alpn !== "h2" && !(line.alpn === "" && options.priorKnowledge)) {
      old.add(key);
      options.onOldLine(key, line);
      return undefined;
    }
    const { openSession } = await import("./network2.ts");
    const session = openSession(origin, line, options);
    open.set(key, session);
    all.add(session);
    line.socket.once("close", () => all.delete(session));
    return session;
  }

  return {
    async get(key, origin, dialLine, signal) {
      const known = open.get(key);
      if (known?.usable) return known;
      if (old.has(key)) return undefined;
      return flight(key, async (inFlight) => start(key, origin, await dialLine(inFlight)), signal ? { signal } : {});
    },
    async close() {
      await Promise.all([...all].map((session) => session.close()));
    },
  };
}
