import type { HttpRequest, Origin } from "./send.ts";

const octet = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const label = "(?:[a-z0-9]+(?:-[a-z0-9]+)*)";
const port = String.raw`:(?!80(?!\d)|443(?!\d))(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3})`;
// Hosts that the URL parser leaves as they are, without a port that goes without saying.
const plainOrigin = new RegExp(
  String.raw`^https?://(?:(?:${octet}\.){3}${octet}|(?:${label}\.)*(?=[a-z])${label})(?:${port})?(?=[/?#]|$)`,
);

let last = { url: "", origin: "" as Origin };

/**
 * The origin of a URL. Looks at most URLs without parsing them, and at none twice in a row: every layer of the wire asks.
 *
 * @throws TypeError for what is no URL
 */
export function originOf(url: string): Origin {
  if (url === last.url) return last.origin;
  const origin = (plainOrigin.exec(url)?.[0] ?? new URL(url).origin) as Origin;
  last = { url, origin };
  return origin;
}

/** The `host[:port]` of an origin. */
export function hostOf(origin: Origin): string {
  return origin.slice(origin.indexOf("//") + 2);
}

// Nothing that the URL parser would change but dots, which are shown as they are sent.
const plainPath = /^\/[\w.~!$&'()*+,;=:@%/-]*(?=[?#]|$)/;

/** A URL as it may be shown: without query, fragment, user and password. `origin` is its own, for those who know it. */
export function withoutQuery(url: string, origin: Origin = originOf(url)): string {
  const path = url.startsWith(origin) ? plainPath.exec(url.slice(origin.length))?.[0] : undefined;
  return origin + (path ?? new URL(url).pathname);
}

/** What no name of a file or folder is as long as, and how much is left of what is longer. */
const longSegment = /([^/]{8})[^/]{17,}/g;

/**
 * A request's URL as it may be shown: `withoutQuery`, and where a registry has led us to somebody else only the beginning of each part of
 * the path that is longer than 24 characters. Some storages sign their addresses there.
 */
export function shownUrl({ url, ledBy }: Pick<HttpRequest, "url" | "ledBy">, origin: Origin = originOf(url)): string {
  const shown = withoutQuery(url, origin);
  if (ledBy === undefined || ledBy === origin) return shown;
  return origin + shown.slice(origin.length).replace(longSegment, "$1…");
}

/** The port that a URL stands for. */
export function portOf({ port: given, protocol }: URL): number {
  if (given !== "") return Number(given);
  return protocol === "https:" ? 443 : 80;
}

/** A `URL.hostname` without the brackets of an IPv6 address. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/**
 * True for hosts that can be on this machine only: `localhost`, 127.0.0.0/8, `[::1]`. In the form that `URL.hostname` has. Not for
 * names below `localhost`: some resolvers ask the network for them.
 */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
