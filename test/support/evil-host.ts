import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

/** A request as it came over the socket. */
export interface Arrived {
  readonly method: string;
  /** As in the request line: a path, or a whole URL for a proxy. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** An HTTP server on loopback that does whatever a test wants, and remembers what it was asked. */
export interface EvilHost extends AsyncDisposable {
  /** `127.0.0.1:PORT`, or of the address that was asked for. */
  readonly host: string;
  readonly port: number;
  readonly arrived: readonly Arrived[];
}

export interface EvilOptions {
  readonly address?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export type Answer = (arrived: Arrived, response: ServerResponse, request: IncomingMessage) => unknown;

/** Starts one; bodies are read before `answer` is called. */
export async function evilHost(answer: Answer, options: EvilOptions = {}): Promise<EvilHost> {
  const arrived: Arrived[] = [];
  const sockets = new Set<Socket>();
  const onRequest = async (request: IncomingMessage, response: ServerResponse) => {
    response.on("error", () => undefined);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", url = "", headers } = request;
    const seen = { method, target: url, headers, body: Buffer.concat(chunks).toString() };
    arrived.push(seen);
    await answer(seen, response, request);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) =>
    void onRequest(request, response).catch(() => response.destroy());
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  const { address = "127.0.0.1" } = options;
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `${address.includes(":") ? `[${address}]` : address}:${port}`,
    port,
    arrived,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A small answer. A body that is no string is written as JSON. */
export function answerWith(
  response: ServerResponse,
  status: number,
  options: { headers?: Readonly<Record<string, string | string[]>>; body?: unknown } = {},
): void {
  const { headers = {}, body = "" } = options;
  response.writeHead(status, headers);
  response.end(typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body));
}
