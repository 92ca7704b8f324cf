import type { Bytes } from "../content/store.ts";
import { answerLike, one } from "./body.ts";
import type { HttpRequest, HttpResponse, Interceptor, Operation } from "./send.ts";

/** No answer that is read whole may be longer; what is longer passes as a stream, for its reader to refuse. */
const maxBytes = 4 * 1024 * 1024;

const small: ReadonlySet<Operation | undefined> = new Set<Operation | undefined>(["manifest", "list", "ping"]);

/**
 * Reads small answers to GET, such as manifests and lists, to their end before it hands them out: so a connection that
 * breaks in the body fails the request, which can then be repeated. Belongs right inside `retry`.
 */
export function wholeAnswers(): Interceptor {
  return (next) => (request) => (isSmall(request) ? next(request).then(whole) : next(request));
}

function isSmall({ method, operation }: HttpRequest): boolean {
  return method === "GET" && small.has(operation);
}

async function whole(response: HttpResponse): Promise<HttpResponse> {
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
  const start = Buffer.concat(chunks, seen);
  return answerLike(response, { body: seen > maxBytes ? followed(start, reader) : one(start) });
}

async function* followed(start: Uint8Array, reader: AsyncIterator<Uint8Array>): Bytes {
  yield start;
  yield* { [Symbol.asyncIterator]: () => reader };
}
