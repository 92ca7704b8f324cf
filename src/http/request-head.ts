import { sizeOfBody } from "./body.ts";
import type { HttpRequest } from "./send.ts";
import { hostOf, originOf } from "./url.ts";

/** The request as it goes on the wire. */
export interface RequestHead {
  /** What stands in the request line: path and query, or the whole URL for a proxy. */
  readonly target: string;
  /** As `headersOf` gives them. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Request line and headers of HTTP/1.1, latin-1. */
export function textOf(method: string, { target, headers }: RequestHead): string {
  let text = `${method} ${target} HTTP/1.1\r\n`;
  for (const name in headers) text += `${name}: ${headers[name]}\r\n`;
  return `${text}\r\n`;
}

const forbidden: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);

/**
 * The headers that go on the wire for `request`, names in lower case.
 *
 * @throws TypeError when a credential would leave its origin, is given as a plain header, or a value could break out of its line.
 */
export function headersOf(request: HttpRequest, userAgent: string): Record<string, string> {
  const host = hostOf(originOf(request.url));
  const headers: Record<string, string> = { host, "user-agent": userAgent, "accept-encoding": "identity" };
  const given = request.headers ?? {};
  for (const asGiven in given) {
    const name = asGiven.toLowerCase();
    if (forbidden.has(name)) throw new TypeError(`Header "${name}" must not be given by hand`);
    headers[name] = given[asGiven] ?? "";
  }
  const size = sizeOf(request);
  if (size !== undefined) headers["content-length"] = String(size);
  headers["accept-encoding"] = "identity";
  if (request.authorization) headers["authorization"] = authorizationOf(request);
  headers["connection"] = "keep-alive";
  assertOneLineEach(headers);
  return headers;
}

/** The body's length where the request has one or could have one; `undefined` for GET and its like. */
function sizeOf(request: HttpRequest): number | undefined {
  const { body, method } = request;
  if (body !== undefined) return sizeOfBody(body);
  return method === "POST" || method === "PUT" || method === "PATCH" ? 0 : undefined;
}

function authorizationOf(request: HttpRequest): string {
  const { authorization, url } = request;
  if (!authorization) return "";
  if (originOf(url) !== authorization.origin) {
    throw new TypeError(`A credential for "${authorization.origin}" must not be sent to "${originOf(url)}"`);
  }
  return authorization.value.reveal();
}

const headerName = /^[!#$%&'*+.^_`|~\w-]+$/;
// Letters beyond latin-1 and control characters would be cut or smuggle a line.
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** All names and all values are looked at together, and one by one only where something is wrong. */
function assertOneLineEach(headers: Readonly<Record<string, string>>): void {
  let [names, values, isNamed] = ["", "", true];
  for (const name in headers) {
    names += name;
    values += headers[name];
    isNamed &&= name !== "";
  }
  if (isNamed && headerName.test(names) && headerValue.test(values)) return;
  for (const [name, value] of Object.entries(headers)) assertOneLine(name, value);
}

function assertOneLine(name: string, value: string): void {
  if (!headerName.test(name)) throw new TypeError(`Header ${JSON.stringify(name)} has no header's name`);
  if (!headerValue.test(value)) throw new TypeError(`Header "${name}" holds a character that no header may hold`);
}

/**
 * What stands in the request line for `url`: path and query byte for byte as they were given, since a registry that sent a
 * `Location` must see it again unchanged. What no request line can hold is escaped as the URL parser does it.
 */
export function targetOf(url: string): string {
  // A backslash before the query is a slash to some readers; in the query it is a character like others.
  const raw = /^https?:\/\/[^/?#\\]*(\/[^?#\\]*(?:\?[^#]*)?)(?:#|$)/i.exec(url)?.[1];
  if (raw !== undefined && /^[\x21-\x7e]+$/.test(url)) return raw;
  const parsed = new URL(url);
  return parsed.pathname + parsed.search;
}
