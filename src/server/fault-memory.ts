import { readBody } from "../http/body.ts";
import { Secret, type HttpRequest, type Send } from "../http/send.ts";
import { respond, type Answer } from "./answer.ts";
import type { Mischief, StateFault } from "./fault.ts";
import { parsePath, type Route } from "./route.ts";

/** Loses the open upload that a request goes to, then forwards: the registry itself says that it knows none. */
export function losingSessions(send: Send): Send {
  return async (request) => {
    const { body: _, ...rest } = request;
    const [url = ""] = request.url.split("?");
    const { kind } = routeOf(request) ?? {};
    if (kind === "upload") await (await send({ ...rest, method: "DELETE", url }))[Symbol.asyncDispose]();
    return send(request);
  };
}

/** Makes tokens void: they are sent on as ones that nobody has signed. */
export function expiringTokens(send: Send): Mischief {
  const expired = new Set<string>();
  const forward: Send = (request) => {
    const { authorization } = request;
    if (!authorization) return send(request);
    return send({ ...request, authorization: { ...authorization, value: new Secret("Bearer expired") } });
  };
  const tokenOf = ({ authorization }: HttpRequest) => {
    const text = authorization?.value.reveal();
    return text !== undefined && /^bearer /i.test(text) ? text : undefined;
  };
  return {
    strike(request) {
      const token = tokenOf(request);
      if (token === undefined) return send(request);
      expired.add(token);
      return forward(request);
    },
    haunt: (request) => (expired.has(tokenOf(request) ?? "") ? forward(request) : undefined),
  };
}

interface Hidden {
  /** What a read is answered meanwhile. */
  readonly before: Answer;
  /** Asked once by each read. */
  readonly isOver: () => boolean;
}

/** Shows writes late: until then, reads of what was written see what was there before. */
export function lagging(fault: StateFault & { kind: "lag" }, send: Send): Mischief {
  const hidden = new Map<string, Hidden>();
  return {
    async strike(request) {
      const places = writtenBy(request);
      const answers = await Promise.all(places.map((place) => answerNow(place, request, send)));
      const response = await send(request);
      if (response.status >= 300) return response;
      for (const [at, place] of places.entries()) {
        const before = answers[at];
        if (before) hidden.set(place, { before, isOver: countdown(fault) });
      }
      return response;
    },
    haunt(request) {
      const place = placeOf(request.url);
      const entry = request.method === "GET" || request.method === "HEAD" ? hidden.get(place) : undefined;
      if (!entry) return undefined;
      if (!entry.isOver()) return Promise.resolve(respond(request, entry.before));
      hidden.delete(place);
      return undefined;
    },
  };
}

function countdown(fault: StateFault & { kind: "lag" }): () => boolean {
  if ("reads" in fault) {
    let left = fault.reads;
    return () => left-- <= 0;
  }
  const until = fault.clock.now() + fault.lagMs;
  return () => fault.clock.now() >= until;
}

/** Where the content or the names can be read that a request writes or deletes. */
function writtenBy(request: HttpRequest): readonly string[] {
  const route = routeOf(request);
  const { origin, searchParams } = new URL(request.url);
  if (request.method === "GET" || request.method === "HEAD" || !route || !("repository" in route)) return [];
  const base = `${origin}/v2/${route.repository}`;
  if (route.kind === "manifest")
    return [route.reference, ...searchParams.getAll("tag")].map((name) => `${base}/manifests/${name}`);
  if (route.kind === "blob") return [placeOf(request.url)];
  const digest = searchParams.get("digest") ?? searchParams.get("mount");
  return digest === null ? [] : [`${base}/blobs/${digest}`];
}

function placeOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + decodeURIComponent(pathname);
}

const maxBytes = 8 * 1024 * 1024;

/** What a read is answered at the moment; nothing for a blob that is there, which does not change. */
async function answerNow(url: string, { authorization, signal }: HttpRequest, send: Send): Promise<Answer | undefined> {
  const method = url.includes("/blobs/") ? "HEAD" : "GET";
  const request = { method, url, ...(authorization && { authorization }), signal } as const;
  const response = await send(request);
  const isThere = response.status < 300;
  const body = await readBody(response, maxBytes);
  if (isThere && method === "HEAD") return undefined;
  const headers = response.headers.names().map((name) => [name, response.headers.get(name)] as const);
  return { status: response.status, headers: Object.fromEntries(headers), body };
}

/** What the request is about; nothing where the path is not one of the API's. */
export function routeOf({ url }: Pick<HttpRequest, "url">): Route | undefined {
  try {
    return parsePath(new URL(url).pathname);
  } catch {
    return undefined;
  }
}
