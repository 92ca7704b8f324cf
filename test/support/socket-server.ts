import type { AddressInfo, Server, Socket } from "node:net";
import { createServer } from "node:net";

/** A TCP server on a free loopback port whose every connection is in the test's hand. */
export interface SocketServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Connections open now. */
  readonly open: number;
}

/** Starts one; `serve` gets each connection with its number, from 1. Disposing destroys all connections. */
export async function socketServer(serve: (socket: Socket, number: number) => void): Promise<SocketServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // The other side resets connections on purpose.
    socket.on("error", () => undefined);
    serve(socket, connections);
  });
  const port = await listening(server);
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Starts any server on a free loopback port and gives the port. */
export function listening(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));
}

/** Answers each request head with the next of `answers`, the last one again and again; bodies are not looked at. */
export function answering(...answers: readonly string[]): (socket: Socket) => void {
  return (socket) => {
    let count = 0;
    let seen = "";
    socket.on("data", (chunk) => {
      seen += chunk.toString("latin1");
      for (let end = seen.indexOf("\r\n\r\n"); end >= 0; end = seen.indexOf("\r\n\r\n")) {
        seen = seen.slice(end + 4);
        socket.write(answers[Math.min(count, answers.length - 1)] ?? "");
        count += 1;
      }
    });
  };
}

/** A small response as it goes on the wire. */
export function rawResponse(status: string, body = "", headers = ""): string {
  return `HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`;
}
