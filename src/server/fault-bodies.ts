import { onAbort } from "../async/on-abort.ts";
import type { Bytes } from "../content/store.ts";
import { WaybillError, type Sent } from "../errors.ts";
import { headersFrom } from "../http/headers.ts";
import type { HttpHeaders, HttpRequest } from "../http/send.ts";

/** The error that a client sees when its connection breaks. */
export function broken(request: HttpRequest, sent: Sent): WaybillError {
  const { host } = new URL(request.url);
  return new WaybillError("connection_failed", `Cannot reach "${host}": the connection broke`, {
    registry: host,
    sent,
  });
}

/** `body` up to `afterBytes`; then the error, or a silent end where there is none. */
export async function* cut(body: Bytes, afterBytes: number, error?: () => Error): Bytes {
  let left = afterBytes;
  for await (const chunk of body) {
    if (left > 0) yield chunk.subarray(0, left);
    left -= chunk.byteLength;
    if (left <= 0) break;
  }
  if (error) throw error();
}

/** `body` with one bit of its byte `atByte` turned. */
export async function* corrupt(body: Bytes, atByte: number): Bytes {
  let seen = 0;
  for await (const chunk of body) {
    const at = atByte - seen;
    seen += chunk.byteLength;
    if (at < 0 || at >= chunk.byteLength) {
      yield chunk;
      continue;
    }
    const spoilt = Uint8Array.from(chunk);
    spoilt[at] = (spoilt[at] ?? 0) ^ 1;
    yield spoilt;
  }
}

/** `body` up to `afterBytes`; then nothing until `gone` aborts, which throws its reason. */
export async function* stall(body: Bytes, afterBytes: number, gone: AbortSignal): Bytes {
  yield* cut(body, afterBytes);
  await new Promise((_resolve, reject) => {
    const fail = () => reject(gone.reason as Error);
    if (gone.aborted) fail();
    else onAbort(gone, fail);
  });
}

/** `headers` with some of them replaced, or taken away. */
export function edited(headers: HttpHeaders, set: Readonly<Record<string, string | undefined>>): HttpHeaders {
  const own = headersFrom(set);
  const names = new Set(Object.keys(set).map((name) => name.toLowerCase()));
  const of = (name: string) => (names.has(name.toLowerCase()) ? own : headers);
  const kept = headers.names().filter((name) => !names.has(name));
  return {
    get: (name) => of(name).get(name),
    all: (name) => of(name).all(name),
    names: () => [...kept, ...own.names()],
  };
}
