import { systemClock, type Clock, type Random } from "../async/clock.ts";
import type { Method, Send } from "../http/send.ts";
import { neededFor, type Access, type RegistryAuth, type Verdict } from "./access.ts";
import { respond, type Answer } from "./answer.ts";
import { answerOrRefuse } from "./answer-or-refuse.ts";
import { deleteBlob, readBlob } from "./blobs.ts";
import type { Exchange, Settings } from "./exchange.ts";
import { listReferrers, listRepositories, listTags } from "./lists.ts";
import { deleteManifest, readManifest, writeManifest } from "./manifests.ts";
import { refusal } from "./refusal.ts";
import { parsePath, type Route } from "./route.ts";
import { Sessions } from "./sessions.ts";
import type { Storage } from "./storage.ts";
import { appendUpload, cancelUpload, closeUpload, openUpload, uploadStatus } from "./uploads.ts";

/** What the embedded registry can do and whom it lets in; by default all of the specification, and everybody. */
export interface RegistryOptions {
  /** `PUT …/manifests/<digest>?tag=a&tag=b`, answered with `OCI-Tag`; default true. Off, the parameter is ignored as older registries do. */
  readonly multiTag?: boolean;
  /** The referrers API and `OCI-Subject`; default true. Off, clients must keep the fallback tag. */
  readonly referrers?: boolean;
  /** Default true. Off, a mount is answered by 202 and a session, always. */
  readonly mounts?: boolean;
  /** Default true. Off, a POST that carries a whole blob is answered by 202 and a session, and its body is dropped. */
  readonly singlePost?: boolean;
  /** Default false. On, every write is answered by 405. */
  readonly readOnly?: boolean;
  /** Default true. Off, deleting content is answered by 405. */
  readonly deletes?: boolean;
  /** Default false. On, a tag that exists cannot be given to another manifest: 409 `TAG_INVALID`. */
  readonly immutableTags?: boolean;
  /** Whether the manifests of an index must be there before it; default `required`. What an image needs is always required. */
  readonly childManifests?: "required" | "optional";
  /** What new uploads are told in `OCI-Chunk-Min-Length`, in bytes; default no minimum. Shorter chunks are taken all the same. */
  readonly chunkMinLength?: number;
  /** The longest body of one upload request, in bytes; longer is answered by 413, as proxies do. Default no limit. */
  readonly maxRequestBytes?: number;
  /** The most entries in one answer of a list; default no limit but the client's `n`. */
  readonly maxPage?: number;
  /** Default: everybody may do everything. */
  readonly auth?: RegistryAuth;
  /** Default the machine's. */
  readonly clock?: Clock;
  /** Makes upload ids; default 122 bits of `node:crypto`. Anything weaker is for simulations. */
  readonly random?: Random;
}

/**
 * A registry that speaks all of the distribution API over `storage`, as a `Send`: hand it to a client in place of the network, or to
 * `serve`. It answers on every host. Storage stays the caller's to close.
 *
 * Errors of its client are answered as the spec's JSON. When a request's body throws, the bytes before that are kept and the body's
 * own error is thrown, as a network would.
 *
 * Spec: distribution-spec v1.1.1; pushing tags along with a digest from its main branch.
 */
export function createRegistry(storage: Storage, options: RegistryOptions = {}): Send {
  const { auth = everybody, clock = systemClock(), random } = options;
  const settings = settle(options);
  const sessions = new Sessions(storage, clock, random);
  return async (request) => {
    request.signal?.throwIfAborted();
    const url = new URL(request.url);
    if (auth.service && url.pathname === "/token") return auth.service(request);
    const answer = await answerOrRefuse(async () => {
      const route = parsePath(url.pathname);
      if (!route)
        throw refusal(404, "UNSUPPORTED", "Cannot find page: this is a container registry, its API is under /v2/");
      const admit = (needed: readonly Access[]) => auth.check(request, needed);
      const principal = await admitted(admit, neededFor(route, request.method, url.searchParams));
      const may = async (access: Access) => (await admit([access])).allowed;
      return dispatch({ request, query: url.searchParams, principal, storage, sessions, settings, may }, route);
    });
    return respond(request, {
      ...answer,
      headers: { "docker-distribution-api-version": "registry/2.0", server: "waybill", ...answer.headers },
    });
  };
}

function settle(options: RegistryOptions): Settings {
  return {
    multiTag: options.multiTag ?? true,
    referrers: options.referrers ?? true,
    mounts: options.mounts ?? true,
    singlePost: options.singlePost ?? true,
    readOnly: options.readOnly ?? false,
    deletes: options.deletes ?? true,
    immutableTags: options.immutableTags ?? false,
    childManifests: options.childManifests ?? "required",
    chunkMinLength: options.chunkMinLength,
    maxRequestBytes: options.maxRequestBytes ?? Number.POSITIVE_INFINITY,
    maxPage: options.maxPage ?? Number.POSITIVE_INFINITY,
  };
}

const everybody: RegistryAuth = { check: async () => ({ allowed: true, principal: "" }) };

async function admitted(
  admit: (needed: readonly Access[]) => Promise<Verdict>,
  needed: readonly Access[],
): Promise<string> {
  const verdict = await admit(needed);
  if (verdict.allowed) return verdict.principal;
  if (verdict.status === 403) throw refusal(403, "DENIED", "Cannot admit request: this client may not do that");
  const headers = { "www-authenticate": verdict.challenge };
  const details = needed.map(({ type, name, action }) => ({ Type: type, Name: name, Action: action }));
  throw refusal(401, "UNAUTHORIZED", "Cannot admit request: authentication is required", {
    headers,
    details: [details],
  });
}

async function dispatch(exchange: Exchange, route: Route): Promise<Answer> {
  const { method } = exchange.request;
  const isRead = method === "GET" || method === "HEAD";
  if (isRead) return read(exchange, route);
  if (exchange.settings.readOnly) throw notAllowed("this registry is read-only", exchange, route);
  if (route.kind === "upload" || route.kind === "uploads") return upload(exchange, route);
  if (method === "PUT" && route.kind === "manifest") return writeManifest(exchange, route.repository, route.reference);
  if (method === "DELETE") return remove(exchange, route);
  throw notAllowed(`this place does not take ${method}`, exchange, route);
}

function read(exchange: Exchange, route: Route): Answer | Promise<Answer> {
  switch (route.kind) {
    case "ping":
      return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.from("{}") };
    case "catalog":
      return listRepositories(exchange);
    case "tags":
      return listTags(exchange, route.repository);
    case "manifest":
      return readManifest(exchange, route.repository, route.reference);
    case "blob":
      return readBlob(exchange, route.repository, route.digest);
    case "referrers":
      return listReferrers(exchange, route.repository, route.digest);
    case "upload":
      return uploadStatus(exchange, route.repository, route.id);
    default:
      throw notAllowed("uploads are opened with POST", exchange, route);
  }
}

function upload(exchange: Exchange, route: Route & { kind: "upload" | "uploads" }): Promise<Answer> {
  const { method } = exchange.request;
  if (route.kind === "uploads") {
    if (method === "POST") return openUpload(exchange, route.repository);
    throw notAllowed("uploads are opened with POST", exchange, route);
  }
  if (method === "PATCH") return appendUpload(exchange, route.repository, route.id);
  if (method === "PUT") return closeUpload(exchange, route.repository, route.id);
  if (method === "DELETE") return cancelUpload(exchange, route.repository, route.id);
  throw notAllowed(`an upload does not take ${method}`, exchange, route);
}

function remove(exchange: Exchange, route: Route): Promise<Answer> {
  if (!exchange.settings.deletes) throw notAllowed("this registry does not delete", exchange, route);
  if (route.kind === "manifest") return deleteManifest(exchange, route.repository, route.reference);
  if (route.kind === "blob") return deleteBlob(exchange, route.repository, route.digest);
  throw notAllowed("this cannot be deleted", exchange, route);
}

function notAllowed(why: string, { settings }: Exchange, route: Route) {
  const headers = { allow: methodsAt(route, settings).join(", ") };
  return refusal(405, "UNSUPPORTED", `Cannot do this: ${why}`, { headers });
}

/** What a place takes. Spec: RFC 9110, 15.5.6. */
function methodsAt({ kind }: Route, { readOnly, deletes }: Settings): readonly Method[] {
  const reads: readonly Method[] = kind === "uploads" ? [] : ["GET", "HEAD"];
  if (readOnly) return reads;
  if (kind === "uploads") return ["POST"];
  if (kind === "upload") return [...reads, "PATCH", "PUT", "DELETE"];
  const deleting: readonly Method[] = deletes ? ["DELETE"] : [];
  if (kind === "manifest") return [...reads, "PUT", ...deleting];
  return kind === "blob" ? [...reads, ...deleting] : reads;
}
