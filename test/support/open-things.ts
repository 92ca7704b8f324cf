import type { Bytes } from "../../src/content/store.ts";
import { cancelledError } from "../../src/http/outcome.ts";
import type { HttpRequest, HttpResponse, Send } from "../../src/http/send.ts";
import { streamed } from "./streamed.ts";

/** What a client has in its hands, by name. */
export interface OpenThings {
  /** Responses that were neither read to their end nor disposed of. */
  readonly responses: Set<string>;
  /** Request bodies that nobody has closed. */
  readonly bodies: Set<string>;
  /** Uploads that the client was told of and has neither finished nor tried to cancel. */
  readonly uploads: Set<string>;
}

/** `send`, which ends like a network as soon as its caller aborts, with account of all that it handed out. */
export function attended(send: Send, open: OpenThings): Send {
  let count = 0;
  return async (request) => {
    const name = `${++count} ${request.method} ${request.url}`;
    noteUploadEnd(request, open);
    const answer = send(watchedRequest(request, name, open));
    const response = await untilAborted(answer, request, (late) => late[Symbol.asyncDispose]());
    noteUpload(request, response, open);
    return watchedResponse(response, { request, name, open });
  };
}

function uploadOf(url: string): string | undefined {
  const { host, pathname } = new URL(url);
  return /\/blobs\/uploads\/[^/]+$/.test(pathname) ? host + pathname : undefined;
}

function noteUploadEnd({ method, url }: HttpRequest, { uploads }: OpenThings): void {
  if (method === "DELETE") uploads.delete(uploadOf(url) ?? "");
}

function noteUpload({ method, url }: HttpRequest, { status, headers }: HttpResponse, { uploads }: OpenThings): void {
  const location = headers.get("location");
  if (method === "POST" && status === 202 && location) uploads.add(uploadOf(new URL(location, url).href) ?? "");
  const isOver = (method === "PUT" && status === 201) || status === 404;
  if (isOver) uploads.delete(uploadOf(url) ?? "");
}

/** `work`, or the caller's abort; what comes after that is handed to `drop`. */
async function untilAborted<T>(work: Promise<T>, request: HttpRequest, drop?: (late: T) => unknown): Promise<T> {
  const { signal } = request;
  if (!signal) return work;
  let leave: () => void = () => undefined;
  const leaving = new Promise<never>((_, reject) => {
    leave = () => reject(cancelledError(request, "some"));
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
  });
  try {
    return await Promise.race([work, leaving]);
  } catch (error) {
    if (signal.aborted) void work.then(drop, () => undefined);
    throw error;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

function watchedRequest(request: HttpRequest, name: string, { bodies }: OpenThings): HttpRequest {
  const { body, onProgress } = request;
  if (body === undefined) return request;
  const given = streamed(body);
  const open = (signal?: AbortSignal): Bytes => {
    const chunks = given.open(signal)[Symbol.asyncIterator]();
    const iterator: AsyncIterator<Uint8Array> = {
      async next() {
        bodies.add(name);
        const result = await chunks.next().catch((error: unknown) => {
          bodies.delete(name);
          throw error;
        });
        if (result.done) bodies.delete(name);
        else onProgress?.(result.value.byteLength);
        return result;
      },
      async return() {
        await chunks.return?.();
        bodies.delete(name);
        return { done: true, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  };
  return { ...request, body: { sizeBytes: given.sizeBytes, open } };
}

interface Watch {
  readonly request: HttpRequest;
  readonly name: string;
  readonly open: OpenThings;
}

function watchedResponse(response: HttpResponse, { request, name, open }: Watch): HttpResponse {
  const close = () => {
    open.responses.delete(name);
    request.signal?.removeEventListener("abort", close);
  };
  open.responses.add(name);
  request.signal?.addEventListener("abort", close, { once: true });
  const chunks = response.body[Symbol.asyncIterator]();
  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      try {
        const result = await untilAborted(chunks.next(), request);
        if (result.done) close();
        return result;
      } catch (error) {
        close();
        throw error;
      }
    },
    async return() {
      close();
      await chunks.return?.();
      return { done: true, value: undefined };
    },
  };
  const { status, headers, url } = response;
  return {
    status,
    headers,
    url,
    body: { [Symbol.asyncIterator]: () => iterator },
    async [Symbol.asyncDispose]() {
      close();
      await response[Symbol.asyncDispose]();
    },
  };
}
