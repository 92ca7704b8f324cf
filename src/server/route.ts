import { isRepository } from "../spec/reference.ts";
import { refusal } from "./refusal.ts";

/** What a path of the registry's API names. References and digests are still text. */
export type Route =
  | { readonly kind: "ping" }
  | { readonly kind: "catalog" }
  | { readonly kind: "tags"; readonly repository: string }
  | { readonly kind: "manifest"; readonly repository: string; readonly reference: string }
  | { readonly kind: "blob"; readonly repository: string; readonly digest: string }
  | { readonly kind: "uploads"; readonly repository: string }
  | { readonly kind: "upload"; readonly repository: string; readonly id: string }
  | { readonly kind: "referrers"; readonly repository: string; readonly digest: string };

/**
 * Reads a path. Names contain slashes and may contain every word that the API uses, so it is read from its end.
 *
 * @throws WaybillError answered as `NAME_INVALID` where the repository's name is not one; `undefined` for paths of no API.
 * Spec: distribution-spec v1.1.1, "Endpoints".
 */
export function parsePath(path: string): Route | undefined {
  const decoded = decode(path);
  if (decoded === "/v2" || decoded === "/v2/") return { kind: "ping" };
  if (!decoded?.startsWith("/v2/")) return undefined;
  if (decoded === "/v2/_catalog") return { kind: "catalog" };
  const words = decoded.slice("/v2/".length).split("/");
  return parseWords(words);
}

function parseWords(words: readonly string[]): Route | undefined {
  const last = words.at(-1) ?? "";
  const endpoint = words.at(-2);
  const repository = words.slice(0, -2).join("/");
  if (endpoint === "tags" && last === "list") return named({ kind: "tags", repository });
  if (endpoint === "manifests") return named({ kind: "manifest", repository, reference: last });
  if (endpoint === "referrers") return named({ kind: "referrers", repository, digest: last });
  if (endpoint === "uploads" && words.at(-3) === "blobs") return parseUpload(words.slice(0, -3).join("/"), last);
  if (endpoint === "blobs" && last === "uploads") return named({ kind: "uploads", repository });
  if (endpoint === "blobs") return named({ kind: "blob", repository, digest: last });
  return undefined;
}

function parseUpload(repository: string, id: string): Route {
  return named(id === "" ? { kind: "uploads", repository } : { kind: "upload", repository, id });
}

/** Where a mount shall take its blob from; `undefined` where it names no repository. */
export function mountSource(query: URLSearchParams): string | undefined {
  const from = query.get("from");
  return from !== null && isRepository(from) ? from : undefined;
}

function named<R extends Route & { repository: string }>(route: R): R {
  if (isRepository(route.repository)) return route;
  throw refusal(400, "NAME_INVALID", `Cannot use repository name: it is not in the grammar of distribution-spec`);
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
