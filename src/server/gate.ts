import type { IncomingMessage } from "node:http";

/** Who may talk to a server. */
export interface Gate {
  readonly scheme: "http" | "https";
  /** The server is bound to loopback: only this machine reaches it, and that includes every web page open on it. */
  readonly onLoopback: boolean;
  readonly allowHosts: readonly string[];
}

export interface Refused {
  readonly status: 400 | 403 | 421 | 500 | 501;
  readonly why: string;
}

/**
 * Why the request must not be served. Against pages that point a name of theirs at 127.0.0.1 (DNS rebinding) and against pages that
 * simply post to it: a browser names both in `Host` and `Origin`.
 */
export function admit(incoming: IncomingMessage, { scheme, onLoopback, allowHosts }: Gate): Refused | undefined {
  const { host, origin } = incoming.headers;
  if (host === undefined || !hostGrammar.test(host))
    return { status: 400, why: "its Host header is missing or malformed" };
  if (!incoming.url?.startsWith("/")) return { status: 400, why: "its target is not a path" };
  if (!URL.canParse(`${scheme}://${host}${incoming.url}`))
    return { status: 400, why: "its Host header and target make no URL" };
  const name = host.replace(/:[0-9]+$/, "").toLowerCase();
  const isNamed = allowHosts.some(
    (allowed) => allowed.toLowerCase() === name || allowed.toLowerCase() === host.toLowerCase(),
  );
  if (onLoopback && !isNamed && !loopbackNames.has(name))
    return { status: 421, why: "it is addressed to another host" };
  if (origin !== undefined && origin.toLowerCase() !== `${scheme}://${host.toLowerCase()}`) {
    return { status: 403, why: "it comes from a web page of another origin" };
  }
  return undefined;
}

const hostGrammar = /^(?:[A-Za-z0-9._-]{1,255}|\[[A-Fa-f0-9:.]{2,45}\])(?::[0-9]{1,5})?$/;
const loopbackNames: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether only this machine can reach the address. */
export function isLoopback(address: string): boolean {
  return address === "::1" || /^(?:::ffff:)?127\./.test(address);
}
