import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { connect, constants } from "node:http2";
import type { Sent } from "../errors.ts";
import type { Marks } from "../telemetry/marks.ts";
import type { AddressClass } from "./address.ts";
import { hasNoBody } from "./body.ts";
import type { Line } from "./dial.ts";
import type { AttemptContext, ResponseHead, Wire } from "./exchange.ts";
import { Exchange } from "./exchange.ts";
import { headersFrom } from "./headers.ts";
import { cancelledError, codeOf, errorOf, type AttemptOutcome } from "./outcome.ts";
import type { RequestHead } from "./request-head.ts";
import type { HttpRequest } from "./send.ts";
import { openStreams } from "./session2-streams.ts";

/** Node's 64 KiB let a fast line idle between window updates. */
const streamWindowBytes = 2 * 1024 * 1024;
const sessionWindowBytes = 8 * 1024 * 1024;

/** An HTTP/2 connection, shared by any number of requests. */
export interface Session {
  readonly reachedOn: AddressClass | undefined;
  /**
   * True while new requests may be sent over it: not after GOAWAY, not when it is closed, and not when a request waited in vain and
   * nothing at all has come since. A connection that a balancer has forgotten looks like that for ever.
   */
  readonly usable: boolean;
  /** False while as many streams are open as the other side allows. A further request would wait here for as long as it likes. */
  readonly hasRoom: boolean;
  /** How many streams the other side allows at a time, as far as it has told. */
  readonly mostStreams: number;
  /** As `attempt` of HTTP/1.1: never rejects, settles once. */
  attempt(request: HttpRequest, head: RequestHead): Promise<AttemptOutcome>;
  /** Destroys it with all its streams and waits until it is closed. */
  close(): Promise<void>;
}

export interface SessionContext extends AttemptContext {
  /** How many streams the other side is taken to allow before it has told; default any number. */
  readonly mostStreams?: number;
}

/** Speaks HTTP/2 over a connected line, which then belongs to the session. */
export function openSession(origin: string, line: Line, context: SessionContext): Session {
  const session = connect(origin, {
    createConnection: () => line.socket,
    settings: { enablePush: false, initialWindowSize: streamWindowBytes },
    maxHeaderListPairs: 256,
  });
  let lastStreamId: number | undefined;
  // Where TLS has agreed on it, it is not for want of HTTP/2 that something else comes.
  let isUnderstood = line.alpn === "h2";
  let { mostStreams = Number.POSITIVE_INFINITY } = context;
  session.on("remoteSettings", ({ maxConcurrentStreams = mostStreams }) => {
    isUnderstood = true;
    // With none at all no connection would do: its requests wait, until their deadline.
    mostStreams = Math.max(1, maxConcurrentStreams);
  });
  // Stays for good: each stream learns of the session's end by itself.
  session.on("error", () => undefined);
  const open = new Set<Marks>();
  session.on("goaway", (_code, last) => {
    lastStreamId = last;
    for (const marks of open) marks.add("goaway");
  });
  session.once("connect", () => session.setLocalWindowSize(sessionWindowBytes));
  // All that had come when a deadline passed.
  let silentAt: number | undefined;
  const isSilent = () => line.socket.bytesRead === silentAt;
  const streams = openStreams(session, line, { ...context, isSilent });
  return {
    reachedOn: line.reachedOn,
    get usable() {
      return lastStreamId === undefined && !session.closed && !session.destroyed && !isSilent();
    },
    get hasRoom() {
      return streams.open < mostStreams;
    },
    get mostStreams() {
      return mostStreams;
    },
    async attempt(request, head) {
      if (request.signal?.aborted) return { kind: "failed", error: cancelledError(request, "nothing"), free: false };
      try {
        return await exchangeOver(session, request, head, {
          ...context,
          lastStreamId: () => lastStreamId,
          read: (error) => (isUnderstood ? error : withoutHttp2(error)),
          fellSilent: () => (silentAt = line.socket.bytesRead),
          count: streams.count,
          open,
        });
      } catch (error) {
        // The session ended between the look at `usable` and the request.
        return { kind: "failed", error: errorOf(request, error, "nothing"), free: true };
      }
    },
    close: () => closed(session, line),
  };
}

/** Nothing that the other side said was HTTP/2: each of its connections begins with settings. Spec: RFC 9113, section 3.4. */
function withoutHttp2(error: Error): Error {
  return codeOf(error) === "ERR_HTTP2_ERROR" ? Object.assign(new Error(error.message), { code: "NOT_HTTP2" }) : error;
}

interface StreamContext extends AttemptContext {
  readonly lastStreamId: () => number | undefined;
  /** What a stream's failure means. */
  readonly read: (error: Error) => Error;
  readonly fellSilent: () => void;
  readonly count: (stream: ClientHttp2Stream) => void;
  /** Of the streams that somebody wants to know of. */
  readonly open: Set<Marks>;
}

function exchangeOver(
  session: ClientHttp2Session,
  request: HttpRequest,
  head: RequestHead,
  context: StreamContext,
): Promise<AttemptOutcome> {
  const sizeBytes = Number(head.headers["content-length"] ?? 0);
  const stream = session.request(pseudoHeadersOf(request, head), { endStream: sizeBytes === 0 });
  context.count(stream);
  if (request.marks) noteOn(stream, request.marks, { open: context.open, sizeBytes });
  const exchange = new Exchange(request, sizeBytes, wireOf(stream, context), context);
  stream.on("response", (headers, _flags, ...rest: unknown[]) => {
    const raw = rest[0] as readonly string[] | undefined;
    const answer = { status: headers[":status"] ?? 0, headers: headersFrom(raw ?? plain(headers)), protocol: "h2" };
    exchange.respond(answer);
    passBody(stream, exchange, lengthOf(request.method, answer));
  });
  stream.on("error", (error) => exchange.fail(codedByReset(stream, context.read(error))));
  stream.on("close", () => exchange.closed());
  stream.on("drain", () => exchange.outgoing?.drained());
  stream.on("finish", () => exchange.outgoing?.report());
  if (sizeBytes > 0) exchange.sendBody(stream, sizeBytes);
  return exchange.outcome;
}

/** The length that an answer says its body has; `undefined` where it says none. */
function lengthOf(method: string, { status, headers }: ResponseHead): number | undefined {
  if (hasNoBody(method, status)) return 0;
  const length = headers.get("content-length");
  return length === undefined ? undefined : Number(length);
}

/** Hands on what comes. A stream that a reset cut may end before Node knows of the reset: then the length alone tells. */
function passBody(stream: ClientHttp2Stream, exchange: Exchange, sizeBytes: number | undefined): void {
  let seen = 0;
  stream.on("data", (chunk: Buffer) => {
    seen += chunk.byteLength;
    exchange.receive(chunk);
  });
  stream.on("end", () => {
    // Of a reset that is known by now, the error or the close that follows tells more.
    if (!isWhole(stream)) return;
    if (seen === (sizeBytes ?? seen)) exchange.receivedAll();
    else exchange.closed();
  });
}

/** Node lets a stream that the peer cancelled end as if it were whole. */
function isWhole(stream: ClientHttp2Stream): boolean {
  return !stream.aborted && stream.rstCode === constants.NGHTTP2_NO_ERROR;
}

/** The one reset that comes again however often the request is repeated gets its own code. Spec: RFC 9113, section 7. */
function codedByReset(stream: ClientHttp2Stream, error: Error): Error {
  if (stream.rstCode !== constants.NGHTTP2_HTTP_1_1_REQUIRED) return error;
  return Object.assign(new Error(error.message), { code: "HTTP_1_1_REQUIRED" });
}

interface Noting {
  readonly open: Set<Marks>;
  readonly sizeBytes: number;
}

function noteOn(stream: ClientHttp2Stream, marks: Marks, { open, sizeBytes }: Noting): void {
  open.add(marks);
  const onReady = () => marks.add("headers-sent");
  if (stream.pending) stream.once("ready", onReady);
  else onReady();
  stream.on("continue", () => marks.add("continue"));
  if (sizeBytes > 0) stream.on("finish", () => marks.add("body-sent"));
  stream.on("close", () => {
    open.delete(marks);
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) marks.add("reset");
  });
}

function pseudoHeadersOf(request: HttpRequest, head: RequestHead): Record<string, string> {
  const { protocol } = new URL(request.url);
  const { host = "", connection: _, ...headers } = head.headers;
  return {
    ...headers,
    ":method": request.method,
    ":path": head.target,
    ":scheme": protocol.slice(0, -1),
    ":authority": host,
  };
}

function wireOf(stream: ClientHttp2Stream, context: StreamContext): Wire {
  return {
    destroy: () =>
      new Promise((resolve) => {
        if (stream.closed && stream.destroyed) return resolve();
        stream.once("close", () => resolve());
        stream.close(constants.NGHTTP2_CANCEL);
        // A stream that the peer does not acknowledge must not hold up the caller.
        stream.destroy();
      }),
    release: () => undefined,
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    fellSilent: context.fellSilent,
    sent(): Sent {
      if (stream.id === undefined) return "nothing";
      return stream.writableFinished ? "all" : "some";
    },
    isFree() {
      // Refused, or beyond the last stream that a GOAWAY names: the peer promises not to have looked at it (RFC 9113, section 8.7).
      const last = context.lastStreamId();
      return (
        stream.id === undefined ||
        stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ||
        (last !== undefined && stream.id > last)
      );
    },
  };
}

function plain(headers: object): Record<string, string | readonly string[]> {
  const entries = Object.entries(headers as Record<string, string | string[]>).filter(
    ([name]) => !name.startsWith(":"),
  );
  return Object.fromEntries(entries);
}

function closed(session: ClientHttp2Session, line: Line): Promise<void> {
  return new Promise((resolve) => {
    if (line.socket.closed) return resolve();
    line.socket.once("close", () => resolve());
    session.destroy();
    line.socket.destroy();
  });
}
