import type { Sent } from "../errors.ts";
import { WaybillError } from "../errors.ts";
import { DeadlineExpired } from "./deadlines.ts";
import { distrustAdvice } from "./distrust.ts";
import { Cancelled } from "./phase.ts";
import type { HttpRequest, HttpResponse } from "./send.ts";

/** How one attempt ended. Exactly one of these, once; what happens afterwards is counted and dropped. */
export type AttemptOutcome =
  | { readonly kind: "response"; readonly response: HttpResponse }
  /**
   * `error` as callers of `send` see it; `free` when nobody can have seen the request, so that repeating it at once costs nothing
   * and risks nothing.
   */
  | { readonly kind: "failed"; readonly error: unknown; readonly free: boolean };

/**
 * What callers of `send` see of an error that `request` met. Ours stay as they are: a forbidden address, a proxy's refusal; so does
 * what is no error at all.
 */
export function errorOf(request: HttpRequest, error: unknown, sent: Sent): unknown {
  if (error instanceof Cancelled) return cancelledError(request, sent);
  if (error instanceof DeadlineExpired) return timeoutError(request, error, sent);
  if (error instanceof ProxyFailed && error.cause instanceof DeadlineExpired)
    return timeoutError(request, error.cause, sent, error);
  return error instanceof Error && !(error instanceof WaybillError) ? transportError(request, error, sent) : error;
}

/** What a transport failure means, by the code that Node gives it. */
export function transportError(request: HttpRequest, error: Error, sent: Sent): WaybillError {
  const { host, origin } = new URL(request.url);
  const code = codeOf(error);
  const context = { registry: request.registry ?? host, origin, sent };
  const cause = { cause: error };
  const peer = error instanceof ProxyFailed ? error.proxy : host;
  const named = error instanceof ProxyFailed ? `proxy "${peer}"` : `"${peer}"`;
  if (isCertificateError(code)) {
    const advice = distrustAdvice(code, peer);
    return new WaybillError(
      "tls_failed",
      `Cannot trust ${named}: ${plainWords(error)}`,
      { ...context, phase: "tls", advice },
      cause,
    );
  }
  if (isTlsError(code)) {
    const advice = error instanceof ProxyFailed && isNoTls(code) ? proxyAdvice : tlsAdvice(code, peer);
    return new WaybillError(
      "tls_failed",
      `Cannot speak TLS with ${named}: ${plainWords(error)}`,
      { ...context, phase: "tls", ...(advice && { advice }) },
      cause,
    );
  }
  if (code === "NOT_HTTP") {
    return new WaybillError("not_a_registry", `Cannot understand ${named}: its answer is not HTTP`, context, cause);
  }
  if (code === "NOT_HTTP2") {
    const advice = "Use --http2 auto, which asks for it where TLS can agree on it, or leave --http2 out";
    const message = `Cannot speak HTTP/2 with "${host}": it answers in another protocol`;
    return new WaybillError("unsupported", message, { ...context, advice }, cause);
  }
  if (code === "HTTP_1_1_REQUIRED") {
    const advice = "Use --http2 off, or leave --http2 out";
    const message = `Cannot speak HTTP/2 with "${host}": it wants HTTP/1.1 for this request`;
    return new WaybillError("unsupported", message, { ...context, advice }, cause);
  }
  return new WaybillError(
    "connection_failed",
    `Cannot reach "${host}"${wayOf(error)}: ${plainWords(error)}`,
    context,
    cause,
  );
}

function wayOf(error: Error): string {
  return error instanceof ProxyFailed ? ` through proxy "${error.proxy}"` : "";
}

/** A proxy, `host[:port]`, that did not connect us; `code` is Node's for why. */
export class ProxyFailed extends Error {
  override readonly name = "ProxyFailed";
  readonly proxy: string;
  readonly code: string;

  constructor(proxy: string, cause: Error) {
    super(saidBy(cause), { cause });
    this.proxy = proxy;
    this.code = codeOf(cause);
  }
}

/** A deadline that passed, in words. */
function timeoutError(
  request: HttpRequest,
  expired: DeadlineExpired,
  sent: Sent,
  error: Error = expired,
): WaybillError {
  const { host, origin } = new URL(request.url);
  const seconds = Math.round(expired.delayMs / 100) / 10;
  const seen: Record<DeadlineExpired["which"], string> = {
    dns: `its name was not found within ${seconds} s`,
    connect: `no connection within ${seconds} s`,
    tls: `the TLS handshake did not end within ${seconds} s`,
    headers: `no answer within ${seconds} s`,
    idle: `not one byte moved for ${seconds} s`,
    rate: `almost nothing moved for ${seconds} s`,
  };
  const context = { registry: request.registry ?? host, origin, sent, phase: expired.which };
  const message = `Cannot finish ${request.method} to "${host}"${wayOf(error)}: ${seen[expired.which]}`;
  return new WaybillError("timeout", message, context, { cause: error });
}

/** The reason why the caller aborted where it is one of ours, else `cancelled`. */
export function cancelledError(request: HttpRequest, sent: Sent): WaybillError {
  const reason: unknown = request.signal?.reason;
  if (reason instanceof WaybillError) return reason;
  const { host } = new URL(request.url);
  const context = { registry: request.registry ?? host, sent };
  return new WaybillError("cancelled", `Cannot finish ${request.method} to "${host}": it was cancelled`, context, {
    cause: reason,
  });
}

/** Node's code of an error, looking into the several attempts of a dual-stack connect; empty where there is none. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  return error instanceof AggregateError ? codeOf(error.errors[0]) : "";
}

/** Node's code of what an error of ours was caused by, also where others of ours stand around it; empty where there is none. */
export function causeCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  return error.cause instanceof WaybillError ? causeCodeOf(error.cause) : codeOf(error.cause);
}

const certificateCodes =
  /^(?:CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERROR_IN_CERT_|ERR_TLS_CERT_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_|HOSTNAME_MISMATCH)/;

function isCertificateError(code: string): boolean {
  return certificateCodes.test(code);
}

function isTlsError(code: string): boolean {
  return (
    code === "EPROTO" || code.startsWith("ERR_SSL_") || code.startsWith("ERR_OSSL_") || code.startsWith("ERR_TLS_")
  );
}

/** True for Node's codes of an answer that is no TLS at all. */
export function isNoTls(code: string): boolean {
  return ["EPROTO", "ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG"].includes(code);
}

const proxyAdvice = "If the proxy speaks plain HTTP, write its URL as http://HOST:PORT";

/** Who sends an alert speaks TLS: plain HTTP is no way then. */
function tlsAdvice(code: string, host: string): string | undefined {
  if (isAboutClientCertificate(code))
    return `Name a client certificate that "${host}" takes with --cert-file FILE, and its key, not encrypted, with --key-file FILE`;
  if (code.endsWith("ALERT_HANDSHAKE_FAILURE"))
    return `If "${host}" wants a client certificate, name one with --cert-file FILE, and its key with --key-file FILE`;
  if (code.endsWith("NO_APPLICATION_PROTOCOL")) return `If "${host}" speaks HTTP/2 alone, add --http2 auto`;
  if (code.endsWith("UNRECOGNIZED_NAME")) return `Check the name "${host}": the server that answers does not know it`;
  if (isOldTls(code)) return `Have TLS 1.2 or 1.3 enabled at "${host}"`;
  if (isNoTls(code)) return `If "${host}" speaks plain HTTP, add --plain-http ${host}`;
  return undefined;
}

/** Its server and we know no version of TLS in common. */
function isOldTls(code: string): boolean {
  return code === "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" || code === "ERR_SSL_UNSUPPORTED_PROTOCOL";
}

/** A server's alerts about certificates mean ours, and what OpenSSL cannot load before anything is sent is ours as well. */
function isAboutClientCertificate(code: string): boolean {
  return code.startsWith("ERR_OSSL_") || /^ERR_SSL_.*ALERT_.*(?:CERTIFICATE|UNKNOWN_CA)/.test(code);
}

const words: Readonly<Record<string, string>> = {
  ENOTFOUND: "there is no host of this name",
  EAI_AGAIN: "its name cannot be looked up at the moment",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed while we were sending",
  ETIMEDOUT: "the connection timed out",
  EHOSTUNREACH: "there is no route to this host",
  EMFILE: "too many files and connections are open here",
  ENFILE: "too many files and connections are open on this machine",
  ENETUNREACH: "there is no route to its network",
  HEADERS_TOO_LONG: "its response headers are longer than 16 KiB",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "it asks for a client certificate",
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: "the key is not that of the client certificate",
  ERR_OSSL_BAD_DECRYPT: "the key of the client certificate cannot be decrypted",
  ERR_SSL_WRONG_VERSION_NUMBER: "its answer is not TLS",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "its answer is not TLS",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it does not speak TLS 1.2 or 1.3",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "it does not speak TLS 1.2 or 1.3",
  EPROTO: "its answer is not TLS, or of another version",
};

function plainWords(error: Error): string {
  const code = codeOf(error);
  const known = words[code];
  if (known) return known;
  const text = saidBy(error)
    .replace(/[\r\n].*$/s, "")
    .slice(0, 200);
  return code && !text.includes(code) ? `${text} (${code})` : text;
}

/** Node's message of OpenSSL's errors begins with an address in memory; the reason alone says something. */
function saidBy(error: Error): string {
  return "reason" in error && typeof error.reason === "string" ? error.reason : error.message;
}
