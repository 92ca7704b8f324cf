import { peek } from "./body.ts";
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
  const [, answer] = await peek(response, maxBytes);
  return answer;
}
