import { WaybillError } from "../errors.ts";
import { lastByteOf } from "../http/range.ts";
import type { HttpResponse, Origin } from "../http/send.ts";
import { hostOf, originOf } from "../http/url.ts";
import { algorithmOf, type Digest } from "../spec/digest.ts";
import { contextOf, homeOf, nameOfRepository, warnOnce, type Access } from "./access.ts";

/** Where an open upload lives. The URL is the registry's own string: it carries state that only the same bytes restore. */
export interface UploadPlace {
  readonly url: string;
  /** Set where another origin than the registry's was named. */
  readonly ledBy?: Origin;
}

/**
 * The place that an answer names in `Location`; `undefined` without one.
 *
 * A registry behind a proxy that ends TLS often names itself with `http:`. On the host that we reached over TLS this means
 * the same port with TLS.
 *
 * @throws WaybillError `rejected` for a Location that is no http(s) URL or carries a user name.
 * Spec: distribution-spec v1.1.1, "POST then PUT": the Location may be relative and must be used as it is.
 */
export function placeFrom(access: Access, response: HttpResponse): UploadPlace | undefined {
  const location = response.headers.get("location");
  if (location === undefined || location === "") return undefined;
  const answered = originOf(response.url);
  const home = homeOf(access, answered);
  const atHome = answered === home ? onOrigin(location, answered) : undefined;
  if (atHome !== undefined) return { url: atHome };
  const base = new URL(response.url);
  const url = upgraded(access, base, absolute(location, base));
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username !== "" || parsed.password !== "") {
    const message = `Cannot upload to "${nameOfRepository(access)}": the registry named no usable upload location`;
    throw new WaybillError("rejected", message, contextOf(access));
  }
  return parsed.origin === home ? { url } : { url, ledBy: home };
}

/**
 * The place that an earlier run wrote down; `undefined` for what cannot be one. Only the URL is believed: a place on the
 * registry's own host keeps the registry's scheme, any other is one that the registry led us to.
 */
export function placeOf(access: Access, session: string): UploadPlace | undefined {
  if (!/^https?:\/\/[\x21-\x7e]{1,16000}$/.test(session) || !URL.canParse(session)) return undefined;
  const { username, password } = new URL(session);
  if (username !== "" || password !== "") return undefined;
  const home = originOf(access.baseUrl);
  const seen = originOf(session);
  if (hostOf(seen) !== hostOf(home)) return { url: session, ledBy: home };
  return seen === home || seen.startsWith("https:") ? { url: session } : undefined;
}

/** A plain `Location` on `origin` itself, as it goes on the wire; `undefined` for all that needs a closer look. */
function onOrigin(location: string, origin: Origin): string | undefined {
  if (!/^[\x21\x22\x24-\x7e]+$/.test(location)) return undefined;
  if (location.startsWith("/")) return location.startsWith("//") ? undefined : origin + location;
  return location.startsWith(`${origin}/`) ? location : undefined;
}

function absolute(location: string, base: URL): string {
  const [text = ""] = location.split("#", 1);
  const isPlain = /^[\x21-\x7e]+$/.test(text);
  if (isPlain && /^https?:\/\//i.test(text)) return text;
  if (isPlain && text.startsWith("/") && !text.startsWith("//")) return base.origin + text;
  return URL.canParse(text, base.href) ? new URL(text, base).href : "";
}

function upgraded(access: Access, base: URL, url: string): string {
  if (base.protocol !== "https:" || !/^http:\/\//i.test(url) || !URL.canParse(url)) return url;
  if (new URL(url).hostname !== base.hostname) return url;
  warnOnce(
    access,
    `${access.host} names http in its upload locations; https is used instead (its proxy should send X-Forwarded-Proto)`,
  );
  const afterAuthority = url.slice("http://".length).replace(/^[^/?]*/, "");
  return base.origin + afterAuthority;
}

/** `url` with `digest` added to its query; every other byte stays. */
export function withDigest(url: string, digest: Digest): string {
  const query = url.includes("?") ? url.slice(url.indexOf("?") + 1) : undefined;
  const joint = query === undefined ? "?" : query === "" || query.endsWith("&") ? "" : "&";
  return `${url}${joint}digest=${encodeURIComponent(digest)}`;
}

/** The `POST` path that asks to mount `digest` from `repository`. */
export function mountPath(digest: Digest, repository: string): string {
  const mount = `mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(repository)}`;
  return `${uploadsPath(digest)}${algorithmOf(digest) === "sha256" ? "?" : "&"}${mount}`;
}

/**
 * The `POST` path that opens an upload, for `digest` or for none in particular. Its slash at the end matters to some proxies. Other algorithms than sha256 are
 * announced, so that the registry hashes what it is sent only once.
 */
export function uploadsPath(digest?: Digest): string {
  const algorithm = digest === undefined ? "sha256" : algorithmOf(digest);
  return algorithm === "sha256" ? "blobs/uploads/" : `blobs/uploads/?digest-algorithm=${algorithm}`;
}

/** The `POST` path that the whole blob `digest` goes to. */
export function singlePostPath(digest: Digest): string {
  return withDigest(uploadsPath(digest), digest);
}

/**
 * How many bytes the server holds, from the `Range` of an upload answer; `undefined` where it cannot be read. `0-0` is
 * given as none, though it may be one byte: the upload finds out.
 */
export function heldBytes(range: string | undefined): number | undefined {
  const last = lastByteOf(range);
  return last === undefined || last === 0 ? last : last + 1;
}
