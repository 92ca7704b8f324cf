import { WaybillError, type ErrorCode } from "../errors.ts";

/** What the process answers; stable from the first release. Listed in `waybill --help`. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  auth: 4,
  limit: 5,
  notFound: 6,
  precondition: 7,
  unavailable: 8,
  bug: 70,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

const byCode: Readonly<Record<ErrorCode, number>> = {
  invalid_argument: exitCodes.usage,
  invalid_reference: exitCodes.usage,
  invalid_digest: exitCodes.usage,
  invalid_platform: exitCodes.usage,
  invalid_annotation: exitCodes.usage,
  invalid_descriptor: exitCodes.usage,
  invalid_template: exitCodes.usage,
  invalid_config: exitCodes.failed,
  auth_required: exitCodes.auth,
  auth_denied: exitCodes.auth,
  realm_untrusted: exitCodes.auth,
  credential_helper_failed: exitCodes.auth,
  rate_limited: exitCodes.limit,
  quota_exceeded: exitCodes.limit,
  not_found: exitCodes.notFound,
  blob_unknown: exitCodes.notFound,
  // Uploads are opened by us a moment earlier: a registry that does not know its own has failed.
  upload_unknown: exitCodes.unavailable,
  range_invalid: exitCodes.unavailable,
  precondition_failed: exitCodes.precondition,
  tag_immutable: exitCodes.precondition,
  busy: exitCodes.precondition,
  unavailable: exitCodes.unavailable,
  connection_failed: exitCodes.unavailable,
  timeout: exitCodes.unavailable,
  // Neither a certificate nor a port that does not speak TLS mends itself.
  tls_failed: exitCodes.failed,
  address_forbidden: exitCodes.failed,
  digest_mismatch: exitCodes.failed,
  size_mismatch: exitCodes.failed,
  too_large: exitCodes.failed,
  invalid_manifest: exitCodes.failed,
  invalid_layout: exitCodes.failed,
  not_a_registry: exitCodes.failed,
  unsupported: exitCodes.failed,
  rejected: exitCodes.failed,
  io_failed: exitCodes.failed,
  disk_full: exitCodes.failed,
  check_failed: exitCodes.failed,
  cancelled: exitCodes.interrupted,
  partial: exitCodes.partial,
  internal: exitCodes.bug,
};

/** The exit code for what was thrown. Anything that is not a `WaybillError` is a mistake of ours. */
export function exitCodeOf(error: unknown): number {
  return error instanceof WaybillError ? byCode[error.code] : exitCodes.bug;
}
