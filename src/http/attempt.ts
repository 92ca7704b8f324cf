import type { ClientRequest, IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { isUint8Array } from "node:util/types";
import type { Sent } from "../errors.ts";
import { openBody } from "./body.ts";
import type { AttemptContext, Wire } from "./exchange.ts";
import { Exchange } from "./exchange.ts";
import { headersFrom } from "./headers.ts";
import { Outgoing } from "./outgoing.ts";
import type { AttemptOutcome } from "./outcome.ts";
import type { Connection } from "./pool.ts";
import { destroyed, idleHintMs } from "./pool.ts";
import type { HttpRequest } from "./send.ts";

/** The request as it goes on the wire. */
export interface RequestHead {
  /** What stands in the request line: path and query, or the whole URL for a proxy. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

const maxHeaderBytes = 16 * 1024;

/**
 * Sends `request` once over `connection`. Never rejects; the connection goes back to its pool when it is cleanly reusable
 * after the response's body, and is closed before any other outcome is told.
 *
 * Takes one look at a used connection before a streamed body is opened: a close that has already arrived is noticed while
 * the request can still be repeated for nothing.
 */
export async function attempt(
  request: HttpRequest,
  head: RequestHead,
  connection: Connection,
  context: AttemptContext,
): Promise<AttemptOutcome> {
  const { socket } = connection;
  if (connection.reused && request.body !== undefined) await new Promise((resolve) => setImmediate(resolve));
  if (socket.destroyed)
    return {
      kind: "transport",
      error: new Error("the connection was closed"),
      sent: "nothing",
      free: connection.reused,
    };
  if (request.signal?.aborted) {
    await destroyed(socket);
    return { kind: "cancelled", sent: "nothing" };
  }
  try {
    return await exchangeOver(request, head, connection, context);
  } catch (error) {
    await destroyed(socket);
    return { kind: "refused", error };
  }
}

function exchangeOver(
  request: HttpRequest,
  head: RequestHead,
  connection: Connection,
  context: AttemptContext,
): Promise<AttemptOutcome> {
  const client = httpRequest({
    method: request.method,
    path: head.target,
    headers: head.headers,
    setHost: false,
    agent: connection.agent,
    maxHeaderSize: maxHeaderBytes,
  });
  const sizeBytes = Number(head.headers["content-length"] ?? 0);
  const exchange = new Exchange(request, sizeBytes, wireOf(request, client, connection), context);
  client.on("response", (message) => {
    const head = headOf(message);
    connection.idleMs = idleHintMs(head.headers.get("keep-alive")) ?? connection.idleMs;
    exchange.respond(head, message);
  });
  client.on("error", (error) => exchange.fail(error));
  client.on("close", () => exchange.closed());
  if (sizeBytes === 0) client.end();
  else sendBody(request, client, exchange);
  return exchange.outcome;
}

function sendBody(request: HttpRequest, client: ClientRequest, exchange: Exchange): void {
  const { body, sizeBytes } = openBody({ ...request, signal: exchange.signal });
  const { onProgress } = request;
  void exchange.pump(new Outgoing({ stream: client, body, sizeBytes, onProgress }));
}

function headOf(message: IncomingMessage) {
  return {
    status: message.statusCode ?? 0,
    headers: headersFrom(message.rawHeaders),
    protocol: `http/${message.httpVersion}`,
  };
}

function wireOf(request: HttpRequest, client: ClientRequest, connection: Connection): Wire {
  const { socket, reused } = connection;
  const [written, read] = [socket.bytesWritten, socket.bytesRead];
  return {
    async destroy() {
      client.destroy();
      await destroyed(socket);
    },
    sent(): Sent {
      if (client.writableFinished) return "all";
      return socket.bytesWritten === written ? "nothing" : "some";
    },
    isFree(_error, consumed) {
      return reused && socket.bytesRead === read && (!consumed || isUint8Array(request.body));
    },
  };
}
