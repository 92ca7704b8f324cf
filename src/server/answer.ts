import type { Bytes } from "../content/store.ts";
import { hasNoBody, nothing, one } from "../http/body.ts";
import { headersFrom } from "../http/headers.ts";
import type { HttpRequest, HttpResponse } from "../http/send.ts";

/** Names in lower case; `undefined` is left out. */
export type AnswerHeaders = Readonly<Record<string, string | undefined>>;

/** What a handler answers: the same for GET and HEAD. */
export interface Answer {
  readonly status: number;
  readonly headers?: AnswerHeaders;
  /** A stream comes with its own `content-length`. */
  readonly body?: Uint8Array | Bytes;
}

/** JSON as the API's lists are sent. */
export function json(value: unknown, headers: AnswerHeaders = {}): Answer {
  return {
    status: 200,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

/** The response to `request`, without a body where it was a HEAD. */
export function respond(request: HttpRequest, answer: Answer): HttpResponse {
  const { body } = answer;
  const length =
    body === undefined
      ? lengthWithout(answer)
      : body instanceof Uint8Array
        ? { "content-length": String(body.byteLength) }
        : {};
  const headers = headersFrom({ "x-content-type-options": "nosniff", ...length, ...answer.headers });
  const about = { status: answer.status, headers, url: request.url };
  if (request.method === "HEAD" || body === undefined)
    return { ...about, body: nothing, [Symbol.asyncDispose]: async () => undefined };
  const stream = body instanceof Uint8Array ? one(body) : body;
  return { ...about, ...closable(stream, request.signal) };
}

function lengthWithout(answer: Answer): Record<string, string> {
  return hasNoBody("GET", answer.status) ? {} : { "content-length": "0" };
}

/** One reader, and an end to the reading at any time. */
function closable(
  stream: Bytes,
  signal: AbortSignal | undefined,
): Pick<HttpResponse, "body" | typeof Symbol.asyncDispose> {
  const body = abortable(stream, signal)[Symbol.asyncIterator]();
  return {
    body: { [Symbol.asyncIterator]: () => body },
    [Symbol.asyncDispose]: async () => {
      await body.return?.();
    },
  };
}

async function* abortable(stream: Bytes, signal: AbortSignal | undefined): Bytes {
  for await (const chunk of stream) {
    signal?.throwIfAborted();
    yield chunk;
  }
}
