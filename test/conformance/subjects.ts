import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, Agent, type ClientRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { systemClock } from "../../src/async/clock.ts";
import { openBody } from "../../src/http/body.ts";
import { headersFrom } from "../../src/http/headers.ts";
import type { HttpRequest, Send } from "../../src/http/send.ts";
import { createMemoryStorage, createRegistry, openDiskStorage, serve, type Storage } from "../../src/server/index.ts";
import type { Subject } from "./suite.ts";

/** Our registry without a socket. */
export function inProcess(storage: Storage, dispose: () => Promise<void> = async () => undefined): Subject {
  return {
    send: createRegistry(storage),
    base: "http://registry.example",
    async [Symbol.asyncDispose]() {
      await storage[Symbol.asyncDispose]();
      await dispose();
    },
  };
}

export async function onDisk(): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-conformance-"));
  return inProcess(await openDiskStorage(folder), () => rm(folder, { recursive: true, force: true }));
}

/** Our registry behind a socket of this machine. */
export async function served(): Promise<Subject> {
  const server = await serve(createRegistry(createMemoryStorage()), {
    host: "127.0.0.1",
    port: 0,
    clock: systemClock(),
  });
  const wire = nodeSend();
  return {
    send: wire.send,
    base: server.url,
    async [Symbol.asyncDispose]() {
      wire.close();
      await server.close();
    },
  };
}

/** The plainest possible client: nothing between the suite and the socket that could mend or hide what a registry does. */
export function nodeSend(): { readonly send: Send; readonly close: () => void } {
  const agent = new Agent({ keepAlive: true });
  const send: Send = async (request) => {
    const incoming = await exchange(request, agent);
    return {
      status: incoming.statusCode ?? 0,
      headers: headersFrom(incoming.rawHeaders),
      url: request.url,
      body: incoming,
      async [Symbol.asyncDispose]() {
        incoming.resume();
      },
    };
  };
  return { send, close: () => agent.destroy() };
}

function exchange(request: HttpRequest, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { sizeBytes, body } = openBody(request);
    const headers = { ...request.headers, "content-length": sizeBytes };
    const outgoing: ClientRequest = httpRequest(request.url, { method: request.method, agent, headers }, resolve);
    outgoing.on("error", reject);
    // A registry may answer before it has read everything: then only the answer counts.
    pipeline(body, outgoing).catch(reject);
  });
}
