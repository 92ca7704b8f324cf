import type { ServerResponse } from "node:http";
import { hasNoBody, nothing } from "../http/body.ts";
import type { HttpResponse } from "../http/send.ts";
import type { Refused } from "./gate.ts";

/** Sends the response, at the client's speed. @throws what its body throws; the connection is for the caller to break then. */
export async function writeResponse(outgoing: ServerResponse, response: HttpResponse): Promise<void> {
  const headers: string[] = [];
  for (const name of response.headers.names())
    for (const value of response.headers.all(name)) headers.push(name, value);
  outgoing.writeHead(response.status, headers);
  if (response.body === nothing) return void outgoing.end();
  const flow = new Flow(outgoing);
  let written = 0;
  for await (const chunk of response.body) {
    if (outgoing.destroyed) return;
    written += chunk.byteLength;
    if (!outgoing.write(chunk)) await flow.ready();
  }
  // Nothing follows that would be what is missing: only the end of the connection tells.
  if (isShort(outgoing, response, written)) outgoing.socket?.destroySoon();
  else outgoing.end();
}

function isShort(outgoing: ServerResponse, { headers, status }: HttpResponse, written: number): boolean {
  if (hasNoBody(outgoing.req.method ?? "GET", status)) return false;
  return written < Number(headers.get("content-length") ?? 0);
}

/** Waits for room in the socket's buffer, or for the socket's end. */
class Flow {
  #wake: () => void = () => undefined;
  readonly #outgoing: ServerResponse;

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing;
    outgoing.on("drain", () => this.#wake());
    outgoing.on("close", () => this.#wake());
  }

  ready(): Promise<void> {
    if (this.#outgoing.destroyed || !this.#outgoing.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** Says no before the registry has seen anything, in the API's form. */
export function refuse(outgoing: ServerResponse, { status, why }: Refused): void {
  const message = `Cannot serve request: ${why}`;
  const body = Buffer.from(JSON.stringify({ errors: [{ code: status === 403 ? "DENIED" : "UNSUPPORTED", message }] }));
  outgoing.writeHead(status, { "content-type": "application/json", "content-length": body.byteLength });
  outgoing.end(body);
}
