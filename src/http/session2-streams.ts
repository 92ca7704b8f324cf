import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import type { Line } from "./dial.ts";
import type { AttemptContext } from "./exchange.ts";
import { pulse } from "./pulse.ts";

/** The streams of one session that are open. */
export interface OpenStreams {
  readonly open: number;
  /** One more, until it closes. */
  readonly count: (stream: ClientHttp2Stream) => void;
}

export interface OpenStreamsContext extends Pick<AttemptContext, "clock" | "lookRegularly"> {
  /** True when nothing has come since a request waited in vain. */
  readonly isSilent: () => boolean;
}

/**
 * Keeps the process alive only while streams are open, and ends the session with all of them when the other side is not there any more. A
 * session that is silent ends with the last of them.
 */
export function openStreams(session: ClientHttp2Session, line: Line, context: OpenStreamsContext): OpenStreams {
  const open = new Set<ClientHttp2Stream>();
  let stopListening: () => void = () => undefined;
  function begin(): void {
    stopListening = listen(session, line, open, context);
    if (!session.destroyed) session.ref();
  }
  function end(): void {
    stopListening();
    if (session.destroyed) return;
    if (context.isSilent()) session.destroy();
    else session.unref();
  }
  return {
    get open() {
      return open.size;
    },
    count(stream) {
      open.add(stream);
      if (open.size === 1) begin();
      stream.once("close", () => {
        open.delete(stream);
        if (open.size === 0) end();
      });
    },
  };
}

/**
 * Looks, until the returned function is called, whether the other side is still there. A connection that a balancer has forgotten is
 * never closed: what waits for answers over it would wait until its deadlines, one after the other.
 */
function listen(
  session: ClientHttp2Session,
  { socket }: Line,
  open: ReadonlySet<ClientHttp2Stream>,
  { clock, lookRegularly }: OpenStreamsContext,
): () => void {
  const judge = pulse(clock.now(), socket.bytesRead);
  return lookRegularly((now) => {
    if (session.destroyed) return;
    const verdict = judge(now, { heardBytes: socket.bytesRead, isSending: [...open].some(isSending) });
    if (verdict === "ask") session.ping(() => undefined);
    if (verdict === "lost") session.destroy(new Error("the connection fell silent, and a PING was not answered"));
  });
}

function isSending(stream: ClientHttp2Stream): boolean {
  return !stream.pending && !stream.writableFinished;
}
