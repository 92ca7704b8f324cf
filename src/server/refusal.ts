import { WaybillError, type ErrorCode } from "../errors.ts";
import type { Answer, AnswerHeaders } from "./answer.ts";

/** Codes of distribution-spec v1.1.1, "Error Codes", and four that registries in the field add to them. */
export type SpecCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "UNAUTHORIZED"
  | "DENIED"
  | "UNSUPPORTED"
  | "TOOMANYREQUESTS"
  // Said by Amazon's registry of a tag that must not move.
  | "TAG_INVALID"
  // Said by distribution of what passes.
  | "UNAVAILABLE"
  // Conditional requests and faults of the machine: the spec has no words for them.
  | "PRECONDITION_FAILED"
  | "UNKNOWN";

export interface RefusalOptions {
  readonly headers?: AnswerHeaders;
  /** One entry of `errors` each, with this as its `detail`; default one entry without detail. */
  readonly details?: readonly unknown[];
}

/** What `answerTo` turns into a response: the only way in which a handler says no. */
class Refusal extends WaybillError {
  readonly status: number;
  readonly specCode: SpecCode;
  readonly options: RefusalOptions;

  constructor(status: number, specCode: SpecCode, message: string, options: RefusalOptions) {
    super("rejected", message, { status, registryCode: specCode });
    this.status = status;
    this.specCode = specCode;
    this.options = options;
  }
}

/** An error that the registry answers with `status` and the spec's JSON. `message` is shown to the client. */
export function refusal(status: number, code: SpecCode, message: string, options: RefusalOptions = {}): WaybillError {
  return new Refusal(status, code, message, options);
}

const machineFaults: ReadonlyMap<ErrorCode, readonly [number, SpecCode]> = new Map([
  ["digest_mismatch", [400, "DIGEST_INVALID"]],
  ["invalid_digest", [400, "DIGEST_INVALID"]],
  ["invalid_manifest", [400, "MANIFEST_INVALID"]],
  // A manifest that was sent as a web page.
  ["not_a_registry", [400, "MANIFEST_INVALID"]],
  ["too_large", [413, "SIZE_INVALID"]],
  ["disk_full", [507, "UNKNOWN"]],
  ["io_failed", [500, "UNKNOWN"]],
]);

/** The response that says `error`; `undefined` for errors that are not the registry's to answer. */
export function answerTo(error: unknown): Answer | undefined {
  if (error instanceof Refusal) return problem(error.status, error.specCode, error.message, error.options);
  if (!(error instanceof WaybillError)) return undefined;
  const known = machineFaults.get(error.code);
  return known && problem(known[0], known[1], error.message, {});
}

function problem(status: number, code: SpecCode, message: string, options: RefusalOptions): Answer {
  const details = options.details ?? [undefined];
  const errors = details.map((detail) => ({ code, message, ...(detail !== undefined && { detail }) }));
  const body = Buffer.from(JSON.stringify({ errors }));
  return { status, headers: { "content-type": "application/json", ...options.headers }, body };
}
