import type { CallOptions } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { drain, readBody } from "../http/body.ts";
import { nextLink } from "../http/link.ts";
import type { HttpResponse, Origin } from "../http/send.ts";
import { originOf } from "../http/url.ts";
import { parseJson } from "../spec/json.ts";
import { isRepository, isTag } from "../spec/reference.ts";
import {
  ask,
  besideRepositories,
  contextOf,
  homeOf,
  inTask,
  warnOnce,
  type Access,
  type RegistryAccess,
} from "./access.ts";
import { refuseHtml } from "./web-page.ts";
import { problemOf } from "./problem.ts";

const maxPageBytes = 8 * 1024 * 1024;
const maxPages = 10_000;

/**
 * The tags of a repository, page by page, each once. What is no tag (`null`, digests) is left out with one warning.
 *
 * @throws WaybillError `not_found` where the repository does not exist.
 * Spec: distribution-spec v1.1.1, "Listing Tags".
 */
export async function* listTags(access: Access, options: CallOptions = {}): AsyncGenerator<string, void, undefined> {
  const seen = new Set<string>();
  for await (const page of pages(access, { path: "tags/list", member: "tags" }, options)) {
    for (const tag of page) {
      if (typeof tag !== "string" || !isTag(tag))
        warnOnce(access, `${access.host} lists tags that are none; they are left out`);
      else if (!seen.has(tag)) yield tag;
      if (typeof tag === "string") seen.add(tag);
    }
  }
}

/**
 * The repositories of a registry, where it tells.
 *
 * @throws WaybillError `not_found`, `unsupported`, `auth_denied` where it does not.
 */
export async function* listRepositories(
  registry: RegistryAccess,
  options: CallOptions = {},
): AsyncGenerator<string, void, undefined> {
  const access = inTask(besideRepositories(registry), options);
  const path = `${registry.baseUrl}/v2/_catalog`;
  for await (const page of pages(access, { path, member: "repositories", scopes: ["registry:catalog:*"] }, options)) {
    for (const name of page) if (typeof name === "string" && isRepository(name)) yield name;
  }
}

interface Listing extends PagePlace {
  /** The member of each page that holds the entries. */
  readonly member: string;
  readonly scopes?: readonly string[];
}

async function* pages(access: Access, listing: Listing, options: CallOptions): AsyncGenerator<readonly unknown[]> {
  const visited = new Set<string>();
  let response = await firstPage(access, listing, options);
  for (let page = 0; page < maxPages; page++) {
    yield await entriesOf(access, response, listing.member);
    const next = nextPage(access, response);
    if (next === undefined || visited.has(next.path)) return;
    visited.add(next.path);
    response = await get(access, { ...listing, ...next }, options);
    if (response.status !== 200) throw await problemOf(access, response, `Cannot list ${listing.member} of`);
  }
  const message = `Cannot list ${listing.member} of "${access.host}": more than ${maxPages} pages`;
  throw new WaybillError("too_large", message, contextOf(access));
}

/** Asks for 1,000 entries; for fewer where the registry does not take that, in the end for as many as it likes. */
async function firstPage(access: Access, listing: Listing, options: CallOptions): Promise<HttpResponse> {
  const { quirks } = access;
  for (;;) {
    const n = quirks.pageSize > 0 ? `?n=${quirks.pageSize}` : "";
    const response = await get(access, { ...listing, path: listing.path + n }, options);
    if (response.status === 200) return response;
    if (n === "" || (response.status !== 400 && response.status !== 405)) {
      throw await problemOf(access, response, `Cannot list ${listing.member} of`);
    }
    await drain(response);
    quirks.pageSize = quirks.pageSize > 100 ? Math.floor(quirks.pageSize / 2) : 0;
  }
}

function get(access: Access, { path, ledBy, scopes }: Listing, { signal }: CallOptions): Promise<HttpResponse> {
  const request = { method: "GET", operation: "list", headers: { accept: "application/json" } } as const;
  return ask(access, {
    ...request,
    path,
    ...(ledBy && { ledBy }),
    ...(scopes && { scopes }),
    signal,
  });
}

/** Where a page of a list is. */
export interface PagePlace {
  readonly path: string;
  /** Set where the page before it came from another origin than the registry's. */
  readonly ledBy?: Origin;
}

/**
 * Where the next page is, in the registry's own words: some keep a cursor there that cannot be made by hand. A registry behind a proxy
 * may name its own scheme and port there, which nobody reaches: the page is asked for at the origin that answered.
 *
 * @throws WaybillError `rejected` where it lies on another host.
 */
export function nextPage(access: Access, response: HttpResponse): PagePlace | undefined {
  const link = nextLink(response.headers.all("link"));
  if (link === undefined || link === "") return undefined;
  const here = originOf(response.url);
  const home = homeOf(access, here);
  const led = here === home ? {} : { ledBy: home };
  if (/^\/(?!\/)/.test(link)) return { path: here + link, ...led };
  const url = URL.canParse(link, response.url) ? new URL(link, response.url) : undefined;
  if (url?.hostname === new URL(here).hostname) return { path: here + url.pathname + url.search, ...led };
  const message = `Cannot list more of "${access.host}": the next page is said to be on another host`;
  throw new WaybillError("rejected", message, contextOf(access));
}

async function entriesOf(access: Access, response: HttpResponse, member: string): Promise<readonly unknown[]> {
  await refuseHtml(access, response);
  const raw = parseJson(await readBody(response, maxPageBytes), { what: "list", maxBytes: maxPageBytes });
  const list = typeof raw === "object" && raw !== null ? (raw as Record<string, unknown>)[member] : undefined;
  // Go registries write an empty list as null.
  return Array.isArray(list) ? (list as unknown[]) : [];
}
