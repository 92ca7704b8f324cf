import { isRetryable, WaybillError } from "../errors.ts";
import { sizeOfBody } from "./body.ts";
import { causeCodeOf } from "./outcome.ts";
import type { HttpRequest, HttpResponse } from "./send.ts";

/** How an attempt ended, as the retry interceptor sees it. */
export type AttemptResult = { readonly response: HttpResponse } | { readonly error: unknown };

const passing: ReadonlySet<number> = new Set([408, 425, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524]);

/** True for statuses that speak of a passing state. */
export function isPassingStatus(status: number): boolean {
  return passing.has(status);
}

/** True for statuses that say nothing of the request itself. */
export function speaksOfLoad(status: number): boolean {
  return status === 429 || status === 503;
}

/**
 * Whether sending `request` again may help and cannot harm.
 *
 * Content on its way into an upload is special: the registry may hold part of it, and the same bytes sent again would be
 * appended. Such a request is repeated only when nothing of it left, or on 429, which limiters answer before they let
 * anything through. All else goes to the upload, which asks for the offset and resumes.
 */
export function isRepeatable(request: HttpRequest, result: AttemptResult): boolean {
  if ("error" in result) return isRetryable(result.error) && (!carriesContent(request) || leftNothing(result.error));
  const { status } = result.response;
  return carriesContent(request) ? status === 429 : passing.has(status);
}

/** Attempts for what rarely mends itself in a minute. An answer that is cut off is none of these: its connection was reset. */
const fewAttempts: Readonly<Record<string, number>> = {
  ENOTFOUND: 3,
  ECONNREFUSED: 5,
  PERHAPS_TLS: 5,
  HEADERS_TOO_LONG: 3,
  MALFORMED_ANSWER: 3,
};

/** How often a request that ended so is sent at most. */
export function attemptsFor(request: HttpRequest, result: AttemptResult, most: number): number {
  if (request.isOptional && "response" in result && !speaksOfLoad(result.response.status)) return Math.min(most, 2);
  const cause = "error" in result ? causeCodeOf(result.error) : "";
  return Math.min(most, fewAttempts[cause] ?? most);
}

function carriesContent({ operation, body }: HttpRequest): boolean {
  return operation === "upload-body" && body !== undefined && sizeOfBody(body) > 0;
}

/** Limits that are thrown come from a token service, before the request itself has left. */
function leftNothing(error: unknown): boolean {
  return error instanceof WaybillError && error.context.sent === "nothing";
}
