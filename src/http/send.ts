import type { Bytes } from "../content/store.ts";
import type { Marks } from "../telemetry/marks.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Where requests go: scheme, host and port in the form of `URL.origin`. What credentials are bound to. */
export type Origin = string & { readonly brand: "Origin" };

/** A body that can be opened again for another attempt. */
export interface RequestBody {
  readonly sizeBytes: number;
  /** All of it, where it lies in memory: then it goes out at once, and `open` is not called. */
  readonly pieces?: readonly Uint8Array[];
  /** Opens it from its beginning. Nothing is read before the first `next()`. */
  open(signal?: AbortSignal): Bytes;
}

/** An `Authorization` header that leaves only towards one origin: `request-head.ts` refuses to write it anywhere else. */
export interface BoundAuthorization {
  readonly origin: Origin;
  /** `Bearer …` or `Basic …`. */
  readonly value: Secret;
}

/** What a request is for: decides its deadline, its lane and whether the retry interceptor may repeat it. */
export type Operation =
  | "manifest" // small, read whole; reserved lane
  | "tag" // the same, for the names that a publish ends with: has retries of its own
  | "blob" // a stream from the registry
  | "upload-open" // POST, no body
  | "upload-body" // PUT, PATCH or POST with content; never repeated blindly: the upload decides
  | "upload-control" // status, cancel
  | "list" // tags, referrers, catalog
  | "token"
  | "ping";

/** One request on its way to the network. Interceptors hand on another one rather than change it. */
export interface HttpRequest {
  readonly method: Method;
  /** Absolute. A string, because what a registry sends as `Location` must reach it again byte for byte. */
  readonly url: string;
  /** Names in lower case. Never `authorization`, `cookie` or `proxy-authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly authorization?: BoundAuthorization;
  readonly body?: Uint8Array | RequestBody;
  readonly operation?: Operation;
  /** The registry concerned, `host[:port]` as users write it (`docker.io`): credentials are looked up by it. */
  readonly registry?: string;
  /**
   * The registry's origin that led us to this URL: by a redirect, a realm or an upload location. Absent for URLs that the
   * user named. Addresses reached on somebody else's word are checked (security: never link-local, private only from private).
   */
  readonly ledBy?: Origin;
  /** Scopes that the request needs, such as `repository:a/b:pull,push`: what a token is asked for. */
  readonly scopes?: readonly string[];
  /** Bytes that the socket took of the body since the last call. */
  readonly onProgress?: (bytes: number) => void;
  /** Which try of the same request this is, from 1; set by the retry interceptor, for those who report. */
  readonly attempt?: number;
  /** How often it is sent at most; default as often as any other. */
  readonly attempts?: number;
  /**
   * Called before it is sent again, when the waiting for that is over: where it rejects, it is not. What rejects in passing counts
   * as an attempt, and is called again before the next: it need not repeat anything itself.
   */
  readonly beforeRepeat?: () => Promise<void>;
  /** Another request would do in its place: a refusal is believed at the second time, unless it speaks of load. */
  readonly isOptional?: boolean;
  /** Not over a connection that was used before: such a one has just failed. */
  readonly isFresh?: boolean;
  /** The tags that it writes, for those who report. */
  readonly tags?: readonly string[];
  /** The task that it is sent for, for those who report. */
  readonly task?: string;
  /**
   * What its attempts know of each other; kept by those who report. Handed on by whoever sends a request that repeats, or goes on
   * with, an earlier one which has failed; else set for it.
   */
  readonly history?: RequestHistory;
  /** Where its attempt notes what happens on the way, when somebody wants to know. */
  readonly marks?: Marks;
  readonly signal?: AbortSignal;
}

/** What the attempts of one request, repeated, redirected or authorized anew, know of each other. */
export interface RequestHistory {
  /** How often the request has been sent. */
  sent: number;
  /** The attempt that was sent last. */
  last?: string;
}

/** Whoever receives one reads `body` to its end or disposes of it; disposing is safe at any time and more than once. */
export interface HttpResponse extends AsyncDisposable {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /** Throws `connection_failed` or `timeout` where it ends early. */
  readonly body: Bytes;
  readonly protocol?: string;
  /** An earlier attempt of the request lost its answer: it may have been done, whatever this one says. */
  readonly mayBeDone?: boolean;
}

/** Response headers. */
export interface HttpHeaders {
  /** The value, or the values joined by ", "; `name` in any case. */
  get(name: string): string | undefined;
  /** Each value on its own: `WWW-Authenticate`, `Warning`, `Set-Cookie`. */
  all(name: string): readonly string[];
  /** Every name that is there, in lower case: what a server needs in order to pass them on. */
  names(): readonly string[];
}

/**
 * One HTTP exchange. Answers with whatever status came; throws `WaybillError` (`connection_failed`, `timeout`, `tls_failed`,
 * `address_forbidden`, `cancelled`) where no answer came, with `context.sent` saying how much had left.
 * Network, interceptors and the embedded registry all have this type.
 */
export type Send = (request: HttpRequest) => Promise<HttpResponse>;

/** A leaf that wraps the wire: `next` is the rest of the chain. */
export type Interceptor = (next: Send) => Send;

/** Wraps `send`, the first interceptor outermost. */
export function intercept(send: Send, ...interceptors: readonly Interceptor[]): Send {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), send);
}

const shown = "[redacted]";

/** Text that must not be printed: every usual way to turn it into a string gives `[redacted]`. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself, for the one place that writes it to a socket or a helper. */
  reveal(): string {
    return this.#text;
  }

  equals(other: Secret): boolean {
    return this.#text === other.#text;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return shown;
  }
}
