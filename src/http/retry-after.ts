import { wallTime, type Clock } from "../async/clock.ts";
import type { HttpResponse } from "./send.ts";

/** The longest `Retry-After` that is followed where the user allows no other, in milliseconds. */
export const defaultMaxRetryAfterMs = 120_000;

/**
 * How long a `Retry-After` header asks us to wait, in milliseconds: seconds, or an HTTP date seen from `nowMs`. A date in the
 * past is 0; `undefined` where the header is missing or is neither. Spec: RFC 9110, section 10.2.3.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d{1,12}(?:\.\d{1,6})?$/.test(text)) return Math.ceil(Number(text) * 1000);
  // Only what looks like an HTTP date: `Date.parse` alone takes nearly everything for one.
  if (text.length > 40 || !/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** How long an answer asks us to wait, in milliseconds, a date seen from that of the machine; `undefined` where it does not. */
export function askedWaitMs({ headers }: Pick<HttpResponse, "headers">, clock: Clock): number | undefined {
  return retryAfterMs(headers.get("retry-after"), wallTime(clock));
}

/** What an error that is due to a longer wait than is allowed advises. */
export const waitAdvice = "Try again then, or raise --max-retry-after";

/** How long somebody asks to wait, and until when, for the end of a sentence. */
export function waitWords(askedMs: number, nowMs: number): string {
  const seconds = Math.ceil(askedMs / 1000);
  // Further than a date can reach is told without one.
  const at = seconds < 1e9 ? `, until ${new Date(nowMs + askedMs).toISOString()}` : "";
  return `it asks to wait ${seconds} s${at}`;
}
