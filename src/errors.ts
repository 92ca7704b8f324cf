/** What went wrong, for code to branch on. Every code has one meaning and one exit code (`cli/exit-code.ts`). */
export type ErrorCode =
  // What the user gave us.
  | "invalid_argument"
  | "invalid_reference"
  | "invalid_digest"
  | "invalid_platform"
  | "invalid_annotation"
  | "invalid_descriptor"
  | "invalid_template"
  | "invalid_config"
  // Who the user is.
  | "auth_required"
  | "auth_denied"
  | "realm_untrusted"
  | "credential_helper_failed"
  // How much the user may.
  | "rate_limited"
  | "quota_exceeded"
  // What is there.
  | "not_found"
  | "blob_unknown"
  | "upload_unknown"
  | "range_invalid"
  // What must hold first.
  | "precondition_failed"
  | "tag_immutable"
  | "busy"
  // The wire.
  | "unavailable"
  | "connection_failed"
  | "timeout"
  | "tls_failed"
  | "address_forbidden"
  // The bytes.
  | "digest_mismatch"
  | "size_mismatch"
  | "too_large"
  | "invalid_manifest"
  | "invalid_layout"
  | "not_a_registry"
  | "unsupported"
  | "rejected"
  // The machine.
  | "io_failed"
  | "disk_full"
  // What was asked to be looked at.
  | "check_failed"
  // The run.
  | "cancelled"
  | "partial"
  | "internal";

/** How much of a request had left when its attempt failed: what decides whether it may be repeated blindly. */
export type Sent = "nothing" | "some" | "all";

/** Facts beside the message. Strings may come from outside: print them through `display()` only. Never a secret. */
export interface ErrorContext {
  /** `host[:port]` of the registry concerned. */
  readonly registry?: string;
  /** Scheme, host and port of whoever failed: the registry, its token service or its storage. */
  readonly origin?: string;
  readonly repository?: string;
  /** The reference or digest concerned. */
  readonly subject?: string;
  readonly phase?: string;
  readonly side?: "source" | "target";
  /** HTTP status of the answer, where there was one. */
  readonly status?: number;
  /** The registry's own error code, such as `MANIFEST_BLOB_UNKNOWN`. */
  readonly registryCode?: string;
  /** The registry's own words. */
  readonly detail?: string;
  /** Digests that the registry says it lacks. */
  readonly missing?: readonly string[];
  /** How long the other side asks us to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly sent?: Sent;
  /** One sentence that says what to do next. */
  readonly advice?: string;
}

/** What the other side answered, in its own words: `403 DENIED "requested access is denied"`. */
export function answerWords({ status, registryCode, detail }: ErrorContext): string {
  return [status, registryCode, detail && JSON.stringify(detail)].filter(Boolean).join(" ");
}

/** The only error that Waybill throws on purpose. Programmer mistakes are `TypeError` and `RangeError`. */
export class WaybillError extends Error {
  override readonly name = "WaybillError";
  readonly code: ErrorCode;
  readonly context: ErrorContext;

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.context = context;
  }
}

const retryable: ReadonlySet<ErrorCode> = new Set(["unavailable", "connection_failed", "timeout", "rate_limited"]);

/** True when the same request may succeed later without anybody changing anything. */
export function isRetryable(error: unknown): boolean {
  return error instanceof WaybillError && retryable.has(error.code);
}

/** True when `error` is a `WaybillError` with one of `codes`. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is WaybillError {
  return error instanceof WaybillError && codes.includes(error.code);
}

/** The same error with more context: facts already there win, `message` gets `prefix` in front. */
export function inContext(error: unknown, context: ErrorContext, prefix = ""): unknown {
  if (!(error instanceof WaybillError)) return error;
  return new WaybillError(error.code, prefix + error.message, { ...context, ...error.context }, { cause: error });
}

/** The innermost sentence, as it was before `inContext`: not which step failed but what was seen, such as a registry's answer. */
export function innermostMessage(error: unknown): string {
  let inner = error;
  while (inner instanceof WaybillError && inner.cause instanceof WaybillError) inner = inner.cause;
  return messageOf(inner);
}

/** What there is to say of anything that was thrown, without its class. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
