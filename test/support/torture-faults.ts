import type { Random } from "../../src/async/clock.ts";

import { openBody } from "../../src/http/body.ts";
import type { HttpRequest, HttpResponse, Interceptor, Send } from "../../src/http/send.ts";
import type { Fault } from "../../src/server/fault.ts";
import { faulty, type FaultRule } from "../../src/server/faults.ts";
import { respond } from "../../src/server/answer.ts";
import type { Simulation } from "./simulation.ts";

/** Something that goes wrong with one request. */
export interface Trouble {
  readonly name: string;
  /** Whether it can happen to this request. */
  readonly fits: (request: HttpRequest) => boolean;
  readonly strike: (
    next: Send,
    request: HttpRequest,
    world: Pick<Simulation, "expireTokens" | "random">,
  ) => Promise<HttpResponse>;
}

const always = () => true;
const isToken = ({ url }: HttpRequest) => new URL(url).pathname === "/token";
/** A request to an open upload, but not its cancelling. */
export const isUploadStep = ({ method, url }: HttpRequest) =>
  /\/blobs\/uploads\/[^/?]+/.test(url) && method !== "DELETE";
const isPut = ({ method }: HttpRequest) => method === "PUT";
/** A manifest that is written by its digest. */
export const isContentPut = (request: HttpRequest) => isPut(request) && /\/manifests\/sha256:[^/]+$/.test(request.url);
/** A manifest that is written under a tag that people use. */
export const isTagPut = (request: HttpRequest) => isPut(request) && /\/manifests\/[a-z0-9]{1,10}$/.test(request.url);
const isWrite = ({ method }: HttpRequest) => method === "PUT" || method === "POST" || method === "PATCH";

function plain(name: string, fault: Fault | ((random: Random) => Fault), fits: Trouble["fits"] = always): Trouble {
  return {
    name,
    fits,
    strike: (next, request, { random }) =>
      faulty(next, [{ fault: typeof fault === "function" ? fault(random) : fault } satisfies FaultRule])(request),
  };
}

const isRead = ({ method }: HttpRequest) => method === "GET";

export const troubles: readonly Trouble[] = [
  plain("500", { kind: "status", status: 500 }),
  plain("503", { kind: "status", status: 503, headers: { "retry-after": "1" } }),
  plain("408", { kind: "status", status: 408 }),
  plain("429 with Retry-After", { kind: "status", status: 429, headers: { "retry-after": "7" } }),
  plain("429 without", { kind: "status", status: 429, body: "<html>slow down</html>" }),
  plain("connection failed before", { kind: "refuse" }),
  plain("connection failed after", { kind: "lose-answer" }),
  plain(
    "upload cut",
    { kind: "cut-upload", afterBytes: 5 },
    (request) => isUploadStep(request) && request.body !== undefined,
  ),
  plain("answer cut at once", { kind: "cut", afterBytes: 0 }),
  plain("answer cut in the middle", { kind: "cut", afterBytes: 40 }, isRead),
  {
    name: "token expired",
    fits: (request) => request.authorization !== undefined && !isToken(request),
    strike(next, request, { expireTokens }) {
      expireTokens(new URL(request.url).host);
      return next(request);
    },
  },
  plain("upload session lost", { kind: "lose-session" }, isUploadStep),
  { name: "manifest blob unknown", fits: (request) => isContentPut(request) || isTagPut(request), strike: blobUnknown },
];

/** As if a collector of garbage had taken the first child between its upload and now. */
async function blobUnknown(_next: Send, request: HttpRequest): Promise<HttpResponse> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of openBody(request).body) chunks.push(chunk);
  const { config, manifests } = JSON.parse(Buffer.concat(chunks).toString()) as {
    config?: { digest: string };
    manifests?: { digest: string }[];
  };
  const digest = config?.digest ?? manifests?.[0]?.digest;
  const errors = [{ code: "MANIFEST_BLOB_UNKNOWN", message: "blob unknown to registry", detail: { digest } }];
  return respond(request, { status: 404, body: Buffer.from(JSON.stringify({ errors })) });
}

export interface Struck {
  /** How many requests it could have happened to. */
  readonly count: () => number;
  readonly interceptor: (world: Pick<Simulation, "expireTokens" | "random">) => Interceptor;
}

/** Lets `trouble` happen to the `at`-th request that it fits, from 0. */
export function strikeOnce(trouble: Trouble, at: number): Struck {
  let count = 0;
  return {
    count: () => count,
    interceptor: (world) => (next) => (request) => {
      if (!trouble.fits(request)) return next(request);
      count += 1;
      return count === at + 1 ? trouble.strike(next, request, world) : next(request);
    },
  };
}

/** Hides what the `at`-th successful write has stored from the next `times` reads of it. */
export function hideOnce(at: number, times = 1): Struck {
  let count = 0;
  let hidden: RegExp | undefined;
  let left = times;
  return {
    count: () => count,
    interceptor: () => (next) => async (request) => {
      const reads = request.method === "GET" || request.method === "HEAD";
      if (reads && left > 0 && hidden?.test(request.url)) {
        left -= 1;
        return respond(request, { status: 404 });
      }
      const response = await next(request);
      if (isWrite(request) && response.status === 201 && count++ === at) hidden = storedBy(request);
      return response;
    },
  };
}

function storedBy({ url }: HttpRequest): RegExp {
  const { host, pathname, searchParams } = new URL(url);
  const digest = searchParams.get("digest") ?? searchParams.get("mount");
  const path = digest === null ? pathname : `${pathname.replace(/uploads\/.*$/, "")}${digest}`;
  return new RegExp(`${host}${path}$`.replaceAll(".", String.raw`\.`));
}

/** Lets one of the troubles happen to each request with `probability`. */
export function strikeOften(probability: number): Struck["interceptor"] {
  return (world) => (next) => (request) => {
    if (world.random() >= probability) return next(request);
    const fitting = troubles.filter((trouble) => trouble.fits(request));
    const chosen = fitting[Math.floor(world.random() * fitting.length)];
    return chosen ? chosen.strike(next, request, world) : next(request);
  };
}

/** Lets every request to `host` that `fits` end in `fault`. */
export function strikeAlways(host: string, fault: Fault, fits: Trouble["fits"] = always): Interceptor {
  const when = (request: HttpRequest) => new URL(request.url).host === host && fits(request);
  return (next) => faulty(next, [{ fault, when, times: Number.POSITIVE_INFINITY }]);
}
