import { isUint8Array } from "node:util/types";
import { collect, joined } from "../content/collect.ts";
import type { Bytes } from "../content/store.ts";
import type { HttpRequest, HttpResponse, RequestBody } from "./send.ts";

/**
 * The whole body, at most `maxBytes`. Consumes the response.
 *
 * @throws WaybillError `too_large` as soon as it is longer; the rest is not read.
 */
export async function readBody(response: HttpResponse, maxBytes: number): Promise<Uint8Array> {
  await using _ = response;
  return await collect(response.body, maxBytes);
}

/**
 * The beginning of a body, and an answer that stands for `response` and still has all of it. Reads until the body ends or more than
 * `maxBytes` of it are here.
 *
 * @throws what the body throws; `response` is disposed of then.
 */
export async function peek(response: HttpResponse, maxBytes: number): Promise<readonly [Uint8Array, HttpResponse]> {
  const reader = response.body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let seen = 0;
  try {
    while (seen <= maxBytes) {
      const result = await reader.next();
      if (result.done) break;
      chunks.push(result.value);
      seen += result.value.byteLength;
    }
  } catch (error) {
    await response[Symbol.asyncDispose]();
    throw error;
  }
  const start = joined(chunks, seen);
  return [start, answerLike(response, { body: seen > maxBytes ? followed(start, reader) : one(start) })];
}

async function* followed(start: Uint8Array, reader: AsyncIterator<Uint8Array>): Bytes {
  yield start;
  yield* { [Symbol.asyncIterator]: () => reader };
}

/** Reads and drops a small body so that the connection can be used again; gives up on a long one. Never throws. */
export async function drain(response: HttpResponse, maxBytes = 64 * 1024): Promise<void> {
  try {
    if (isEmpty(response)) await response[Symbol.asyncDispose]();
    else await readBody(response, maxBytes);
  } catch {
    // The body's fate does not matter: its owner wanted the status only.
  }
}

/** Whether the answer cannot have a body, as far as its head tells. */
function isEmpty({ status, headers }: HttpResponse): boolean {
  return hasNoBody("GET", status) || headers.get("content-length") === "0";
}

/** True for answers that have no body, whatever their headers say. Spec: RFC 9110, section 6.4.1. */
export function hasNoBody(method: string, status: number): boolean {
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return true;
  return method === "CONNECT" && status < 300;
}

/** Whether nothing can follow the head of the answer. */
export function isBodiless({ method }: HttpRequest, response: HttpResponse): boolean {
  return method === "HEAD" || isEmpty(response);
}

export async function* one(bytes: Uint8Array): Bytes {
  if (bytes.byteLength > 0) yield bytes;
}

/** What is different about an answer that stands for another. */
export interface AnswerChanges extends Partial<Pick<HttpResponse, "headers" | "body">> {
  /** Default: the other is disposed of. */
  readonly dispose?: () => PromiseLike<void>;
}

/** An answer like `response`, which it stands for. */
export function answerLike(response: HttpResponse, changes: AnswerChanges): HttpResponse {
  const { status, url, protocol } = response;
  const { headers = response.headers, body = response.body, dispose } = changes;
  return {
    status,
    headers,
    url,
    body,
    ...(protocol !== undefined && { protocol }),
    [Symbol.asyncDispose]: dispose ?? (() => response[Symbol.asyncDispose]()),
  };
}

/** How long a body is, in bytes. */
export function sizeOfBody(body: NonNullable<HttpRequest["body"]>): number {
  return isUint8Array(body) ? body.byteLength : body.sizeBytes;
}

/** A body that lies in memory, in the pieces in which it came. */
export function bodyOf(pieces: readonly Uint8Array[], sizeBytes: number): RequestBody {
  return { sizeBytes, pieces, open: () => each(pieces) };
}

async function* each(pieces: readonly Uint8Array[]): Bytes {
  yield* pieces;
}

/** No body, which can be known by being this one. */
export const nothing: Bytes = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};

/** The request's body as a stream, and its length in bytes. */
export function openBody(request: HttpRequest): { sizeBytes: number; body: Bytes } {
  const { body } = request;
  if (body === undefined) return { sizeBytes: 0, body: nothing };
  return { sizeBytes: sizeOfBody(body), body: isUint8Array(body) ? one(body) : body.open(request.signal) };
}
