import type { Clock } from "../async/clock.ts";
import type { HttpRequest, HttpResponse, Send } from "../http/send.ts";

/** One way to misbehave. */
export type Fault = AnswerFault | ConnectionFault | StateFault | PaceFault;

/** Something is wrong with an answer. */
export type AnswerFault =
  /** Answers itself; the registry never hears of the request. A text body is sent as it is. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  /** The answer's body ends after `afterBytes` as if that were all. */
  | { readonly kind: "truncate"; readonly afterBytes: number }
  /** One bit of the answer's byte `atByte` is wrong. */
  | { readonly kind: "corrupt"; readonly atByte: number }
  /** Response headers as they should not be; `undefined` takes one away. */
  | { readonly kind: "headers"; readonly set: Readonly<Record<string, string | undefined>> };

/** The connection breaks or falls silent. Behind a socket a broken one is reset. */
export type ConnectionFault =
  /** Before the registry hears anything. */
  | { readonly kind: "refuse" }
  /** The registry does as it is told, and the answer is lost. */
  | { readonly kind: "lose-answer" }
  /** In the answer's body, after `afterBytes`. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** In the request's body: the registry has `afterBytes` of it, the client has an error. */
  | { readonly kind: "cut-upload"; readonly afterBytes: number }
  /** Nothing comes of the answer's body after `afterBytes`, until the client gives up. */
  | { readonly kind: "stall"; readonly afterBytes: number }
  /** Nothing is taken of the request's body after `afterBytes`, and nothing answered, until the client gives up. */
  | { readonly kind: "stall-upload"; readonly afterBytes: number };

/** The registry forgets, or shows late. */
export type StateFault =
  /** The open upload that the request goes to is gone. */
  | { readonly kind: "lose-session" }
  /** What the request writes is acknowledged, and the next `reads` reads of it see what was there before. */
  | { readonly kind: "lag"; readonly reads: number }
  /** The same, until `lagMs` have passed on `clock`. */
  | { readonly kind: "lag"; readonly lagMs: number; readonly clock: Clock }
  /** The token that the request carries is void from now on, for whatever request; others are good. */
  | { readonly kind: "expire-token" };

/** The registry is slow, or lets so much through and no more. The last two count all requests that the rule matches: give it `times: Infinity`. */
export type PaceFault =
  /** Waits, then forwards. */
  | { readonly kind: "delay"; readonly delayMs: number; readonly clock: Clock }
  /** Answers 429 to what comes faster than `perSecond`, but for `burst` (default 1) that may come at once. */
  | {
      readonly kind: "rate-limit";
      readonly perSecond: number;
      readonly burst?: number;
      /** Default: the seconds until one more is let through; `none` leaves the header away. */
      readonly retryAfter?: "none" | { readonly seconds: number };
      readonly clock: Clock;
    }
  /** Bodies of both directions, those of all matching requests together, have so many bytes a second. */
  | { readonly kind: "bandwidth"; readonly bytesPerSecond: number; readonly clock: Clock };

/** A fault at work, with what it remembers. */
export interface Mischief {
  /** What a request suffers that a rule has chosen. */
  readonly strike: Send;
  /** What an earlier strike means for a request that no rule has chosen; `undefined` where it means nothing. */
  readonly haunt?: (request: HttpRequest) => Promise<HttpResponse> | undefined;
}
