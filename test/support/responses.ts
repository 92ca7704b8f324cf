import { headersFrom } from "../../src/http/headers.ts";
import type { HttpRequest, HttpResponse } from "../../src/http/send.ts";
import { collect } from "../../src/content/collect.ts";
import { one, openBody } from "../../src/http/body.ts";

/** A response made in memory. A body that is no string is written as JSON. */
export function respond(
  request: HttpRequest,
  status: number,
  options: { headers?: Record<string, string | string[]>; body?: unknown; url?: string } = {},
): HttpResponse {
  const { headers = {}, body = "", url = request.url } = options;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    status,
    url,
    headers: headersFrom(headers),
    body: one(Buffer.from(request.method === "HEAD" ? "" : text)),
    async [Symbol.asyncDispose]() {},
  };
}

/** The text of a request's body. */
export async function textOf(request: HttpRequest): Promise<string> {
  return Buffer.from(await collect(openBody(request).body, 1e7)).toString();
}
