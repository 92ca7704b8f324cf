import { answerWords, WaybillError, type ErrorCode, type ErrorContext } from "../errors.ts";
import { collect } from "../content/collect.ts";
import { isPassingStatus } from "../http/retry-policy.ts";
import { askedWaitMs } from "../http/retry-after.ts";
import type { HttpResponse } from "../http/send.ts";
import { isDigest } from "../spec/digest.ts";
import { parseJson } from "../spec/json.ts";
import { essence } from "../spec/media-type.ts";
import { hostOf } from "../http/url.ts";
import { contextOf, nameOfRepository, originElsewhere, type Access } from "./access.ts";
import { loginWords } from "./login-words.ts";

const maxBodyBytes = 64 * 1024;
const maxDetail = 500;

/** What an error answer says, read within limits. Strings are the registry's. */
export interface Problem {
  readonly status: number;
  /** Codes in upper case, in the order given. */
  readonly codes: readonly string[];
  /** The first message, or the beginning of a text body; empty where there is none. */
  readonly detail: string;
  /** Digests named anywhere in the errors. */
  readonly digests: readonly string[];
  readonly html: boolean;
}

type Content = "blob" | "manifest";

/** Reads an error answer to its end, at most 64 KiB, and closes it. Never throws. */
export async function readProblem(response: HttpResponse): Promise<Problem> {
  await using _ = response;
  const html = essence(response.headers.get("content-type") ?? "") === "text/html";
  const empty: Problem = { status: response.status, codes: [], detail: "", digests: [], html };
  try {
    const bytes = await collect(response.body, maxBodyBytes);
    return { ...empty, ...(html ? { detail: "a web page" } : partsOf(bytes)) };
  } catch {
    return empty;
  }
}

interface ForeignError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly detail?: unknown;
}

function partsOf(bytes: Uint8Array): Pick<Problem, "codes" | "detail" | "digests"> {
  const text = Buffer.from(bytes).toString("utf8");
  const errors = errorsIn(bytes);
  if (errors.length === 0) return { codes: [], detail: text.trim().slice(0, maxDetail), digests: [] };
  const codes = errors.map(({ code }) => (typeof code === "string" ? code.slice(0, 100).toUpperCase() : ""));
  const message = errors.map(({ message }) => (typeof message === "string" ? message : "")).find((text) => text !== "");
  const named = text.match(/sha(?:256|512):[0-9a-f]{64,128}/g) ?? [];
  const digests = [...new Set(named.filter(isDigest))].slice(0, 1000);
  return {
    codes: codes.filter((code) => code !== ""),
    detail: (message ?? "").slice(0, maxDetail),
    digests,
  };
}

function errorsIn(bytes: Uint8Array): readonly ForeignError[] {
  try {
    const raw = parseJson(bytes, { what: "error", maxBytes: maxBodyBytes }) as { errors?: unknown } | null;
    const list = Array.isArray(raw?.errors) ? (raw.errors as unknown[]) : [];
    return list.filter((item): item is ForeignError => typeof item === "object" && item !== null).slice(0, 100);
  } catch {
    return [];
  }
}

/**
 * The error for an answer that is not what was asked for. Reads the body and closes it. One that comes from elsewhere, such as a
 * registry's storage, is told as that host's: no login at the registry would help.
 *
 * @param doing the beginning of the sentence, such as `Cannot push manifest to`.
 */
export async function problemOf(access: Access, response: HttpResponse, doing: string): Promise<WaybillError> {
  const wait = askedWaitMs(response, access.clock);
  const problem = await readProblem(response);
  const error = errorFrom(access, problem, { doing, ...(wait !== undefined && { retryAfterMs: wait }) });
  const origin = originElsewhere(access, response);
  if (origin === undefined) return error;
  const message = `${error.message}, from "${hostOf(origin)}", which the registry led to`;
  const advice = "Try again; if that does not help, whoever runs the registry should look at its storage";
  return new WaybillError(error.code, message, { ...error.context, origin, advice });
}

/**
 * The typed error for `problem`: one sentence with status, code and the registry's own words, and advice where we know some. `sent`: an
 * earlier attempt had left by so much, and may have been done. `sends`: what the request carried, where that is content.
 */
export function errorFrom(
  access: Access,
  problem: Problem,
  options: { readonly doing: string; readonly sends?: Content } & Pick<ErrorContext, "retryAfterMs" | "sent">,
): WaybillError {
  const { status, codes, detail, digests } = problem;
  const code = codeOf(problem);
  const [registryCode] = codes;
  const advice = code === "too_large" ? sizeAdvice[options.sends ?? "other"] : adviceFor(code, access.host, problem);
  const context: ErrorContext = {
    ...contextOf(access),
    status,
    ...(registryCode && { registryCode }),
    ...(detail && { detail }),
    ...(code === "blob_unknown" && { missing: digests }),
    ...(options.retryAfterMs !== undefined && { retryAfterMs: options.retryAfterMs }),
    ...(options.sent && { sent: options.sent }),
    ...(advice && { advice }),
  };
  const answered = answerWords(context);
  // buildx's words, which scripts search for.
  const seen = code === "not_found" ? `${answered}: not found` : answered;
  return new WaybillError(code, `${options.doing} "${nameOfRepository(access)}": ${seen}`, context);
}

const byRegistryCode: Readonly<Record<string, ErrorCode>> = {
  TOOMANYREQUESTS: "rate_limited",
  MANIFEST_BLOB_UNKNOWN: "blob_unknown",
  BLOB_UPLOAD_UNKNOWN: "upload_unknown",
  TAG_INVALID: "tag_immutable",
  IMAGETAGALREADYEXISTS: "tag_immutable",
  IMAGETAGALREADYEXISTSEXCEPTION: "tag_immutable",
  DIGEST_INVALID: "digest_mismatch",
  SIZE_INVALID: "size_mismatch",
  RANGE_INVALID: "range_invalid",
};

const byStatus: Readonly<Record<number, ErrorCode>> = {
  401: "auth_required",
  402: "quota_exceeded",
  403: "auth_denied",
  404: "not_found",
  405: "unsupported",
  406: "unsupported",
  407: "auth_required",
  409: "busy",
  412: "precondition_failed",
  413: "too_large",
  416: "range_invalid",
  429: "rate_limited",
  501: "unsupported",
  505: "unsupported",
  507: "quota_exceeded",
  508: "rejected",
};

/** These mean the same everywhere, whatever code stands beside them. */
const spokenFor = new Set([401, 413, 416]);

/**
 * The status says what kind of failure it is; codes and words say more where registries use one status for several things:
 * quota and immutability come as 400, 403, 409, 412 or 500, depending on the product.
 */
function codeOf({ status, codes, detail, html }: Problem): ErrorCode {
  if (status < 300) return html ? "not_a_registry" : "rejected";
  if (status === 429) return "rate_limited";
  if (status !== 401 && status !== 404) {
    const words = `${codes.join(" ")} ${detail}`.toLowerCase();
    if (/quota|storage limit|insufficient storage/.test(words)) return "quota_exceeded";
    if (status < 500 && /immutab|tag already exists|cannot be overwritten/.test(words)) return "tag_immutable";
  }
  const named = codes
    .map((code) => (Object.hasOwn(byRegistryCode, code) ? byRegistryCode[code] : undefined))
    .find(Boolean);
  if (named && status >= 400 && status < 500 && !spokenFor.has(status)) return named;
  if (isPassingStatus(status)) return "unavailable";
  return byStatus[status] ?? "rejected";
}

/** Only blobs can go in pieces. */
const sizeAdvice: Readonly<Record<Content | "other", string>> = {
  blob: "A proxy before the registry limits request bodies: raise its limit, or use a smaller --chunk-size",
  manifest: "The image has too many entries or annotations for this registry, or for a proxy before it",
  other: "A proxy before the registry limits requests: raise its limit",
};

function adviceFor(code: ErrorCode, host: string, { codes, detail }: Problem): string | undefined {
  if (code === "auth_required") return `Log in with: ${loginWords(host)} (or docker login ${host})`;
  if (code === "auth_denied") return "Check that this account may read the source and write the target repository";
  if (code === "not_found" && codes.includes("NAME_UNKNOWN"))
    return "Check the repository's name, and that this account may see it";
  if (code === "tag_immutable") return "Choose another tag: this registry does not let this one move";
  if (code === "quota_exceeded") return "Free space in the registry, or have its quota raised";
  if (/x-forwarded-proto/i.test(detail)) return "The proxy before the registry should send X-Forwarded-Proto: https";
  // Go's words to whoever does not speak TLS.
  if (/HTTP request to an HTTPS server/i.test(detail)) return `"${host}" speaks TLS: leave --plain-http out`;
  return undefined;
}
