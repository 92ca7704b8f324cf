import type { IncomingMessage } from "node:http";
import type { Bytes } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { Secret, type HttpRequest, type Method, type RequestBody } from "../http/send.ts";
import { originOf } from "../http/url.ts";

const methods: ReadonlySet<string> = new Set<Method>(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
/** A body up to here is read in one go. */
const wholeBytes = 256 * 1024;
/** Credentials travel apart from the headers; cookies mean nothing here. */
const withheld: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie"]);

/** The message as a request; `undefined` for methods that no registry has. Its body may be opened once. */
export function readRequest(
  incoming: IncomingMessage,
  { scheme, signal }: { readonly scheme: "http" | "https"; readonly signal: AbortSignal },
): HttpRequest | undefined {
  const method = incoming.method ?? "";
  if (!methods.has(method)) return undefined;
  const url = `${scheme}://${incoming.headers.host ?? ""}${incoming.url ?? ""}`;
  const { authorization } = incoming.headers;
  const body = bodyOf(incoming);
  return {
    method: method as Method,
    url,
    headers: headersOf(incoming),
    ...(authorization !== undefined && { authorization: { origin: originOf(url), value: new Secret(authorization) } }),
    ...(body && { body }),
    signal,
  };
}

function headersOf(incoming: IncomingMessage): Record<string, string> {
  const headers = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined && !withheld.has(name))
      headers[name] = typeof value === "string" ? value : value.join(", ");
  }
  return headers;
}

/** `sizeBytes` is `NaN` where the client sends chunks of a length it does not announce. */
function bodyOf(incoming: IncomingMessage): RequestBody | undefined {
  const { "content-length": length, "transfer-encoding": encoding } = incoming.headers;
  if (encoding === undefined && (length === undefined || length === "0")) return undefined;
  const sizeBytes = encoding === undefined ? Number(length) : Number.NaN;
  return { sizeBytes, open: () => (sizeBytes <= wholeBytes ? readWhole(incoming) : read(incoming)) };
}

async function* read(incoming: IncomingMessage): Bytes {
  try {
    // Left open at the end: the response still has to go out over its socket.
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
  } catch (cause) {
    throw brokenOff(cause);
  }
}

/** The same for a body that may be held whole: what came of one that breaks off is handed out before the error. */
async function* readWhole(incoming: IncomingMessage): Bytes {
  if (incoming.readableEnded) return;
  const chunks: Buffer[] = [];
  const failure = await new Promise<unknown>((resolve) => {
    if (incoming.destroyed) resolve(incoming.errored ?? new Error("closed"));
    incoming.on("data", (chunk: Buffer) => void chunks.push(chunk));
    incoming.once("end", () => resolve(undefined));
    incoming.once("error", resolve);
    incoming.once("close", () => resolve(new Error("closed")));
  });
  yield* chunks;
  if (failure !== undefined) throw brokenOff(failure);
}

function brokenOff(cause: unknown): WaybillError {
  return new WaybillError(
    "connection_failed",
    "Cannot read request: its client broke off",
    { sent: "some" },
    { cause },
  );
}
