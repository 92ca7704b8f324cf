import type { HttpRequest, Method, Send } from "../http/send.ts";
import { mountSource, type Route } from "./route.ts";

/** One right. `registry`/`catalog` is the list of all repositories. */
export interface Access {
  readonly type: "repository" | "registry";
  readonly name: string;
  readonly action: "pull" | "push" | "delete" | "*";
}

/** Whether a request is let through; else what it is answered: 401 where signing in may help, 403 where not. */
export type Verdict =
  | { readonly allowed: true; /** Who asks; the empty string is nobody in particular. */ readonly principal: string }
  | { readonly allowed: false; readonly status: 401 | 403; /** For `WWW-Authenticate`. */ readonly challenge?: string };

/** Who may do what. */
export interface RegistryAuth {
  /** Whether whoever sent `request` may do all of `needed`; with nothing needed, whether we know them at all. */
  check(request: HttpRequest, needed: readonly Access[]): Promise<Verdict>;
  /** A token service of its own, which answers everything under `/token`. */
  readonly service?: Send;
}

/** The rights that a request needs by its path and method. A mount also needs pull where the blob comes from. */
export function neededFor(route: Route, method: Method, query: URLSearchParams): readonly Access[] {
  if (route.kind === "ping") return [];
  if (route.kind === "catalog") return [{ type: "registry", name: "catalog", action: "*" }];
  const right = (action: Access["action"], name = route.repository): Access => ({ type: "repository", name, action });
  const isUpload = route.kind === "upload" || route.kind === "uploads";
  if (!isUpload && (method === "GET" || method === "HEAD")) return [right("pull")];
  if (!isUpload && method === "DELETE") return [right("delete")];
  const from = route.kind === "uploads" && query.has("mount") ? mountSource(query) : undefined;
  const here = [right("pull"), right("push")];
  return from === undefined || from === route.repository ? here : [...here, right("pull", from)];
}
