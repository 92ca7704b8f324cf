import { repetitionMs } from "../async/backoff.ts";
import type { Budget } from "../async/budget.ts";
import { canAfford, fullBudget, stepBudget, type Spender } from "../async/budget.ts";
import { wallTime, type Clock, type Random } from "../async/clock.ts";
import { WaybillError, type Sent } from "../errors.ts";
import type { Report } from "../telemetry/events.ts";
import { answerLike, drain } from "./body.ts";
import { cancelledError } from "./outcome.ts";
import { pause } from "./pause.ts";
import { defaultMaxRetryAfterMs, askedWaitMs, waitAdvice, waitWords } from "./retry-after.ts";
import type { AttemptResult } from "./retry-policy.ts";
import { attemptsFor, isRepeatable } from "./retry-policy.ts";
import type { HttpRequest, HttpResponse, Interceptor, Origin, Send } from "./send.ts";
import { originOf } from "./url.ts";

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** How often a request is sent at most; default 12. */
  readonly attempts?: number;
  /** The longest `Retry-After` that is followed, in milliseconds; default 120,000. */
  readonly maxRetryAfterMs?: number;
  /** Whether everything to an origin is held back at the moment, so that what is repeated waits its turn. Default never. */
  readonly isHolding?: (origin: Origin) => boolean;
}

/**
 * Repeats what failed in passing, with growing waits, as often as the origin's budget allows. The only place that repeats
 * requests. After the last attempt a response is returned as it is; a transport error is thrown. Where `beforeRepeat` fails in
 * passing, that is an attempt which has sent nothing.
 *
 * What waits with everything else to its origin is no storm and costs nothing, and what several requests failed by is paid once.
 *
 * @throws WaybillError `rate_limited` or `unavailable` at once when the registry asks to wait longer than `maxRetryAfterMs`; what
 *   `beforeRepeat` throws.
 */
export function retry(options: RetryOptions): Interceptor {
  const purses = createPurses(options);
  return (next) => async (request) => {
    let sent: Sent = "nothing";
    let isAnswerLost = false;
    for (let attempt = 1; ; attempt += 1) {
      const result = await tryOnce(next, request, attempt);
      if (!isRepeatable(request, result)) {
        if ("response" in result) purses.earn(request, result);
        return unwrap(result, { sent, isAnswerLost });
      }
      const isLast = attempt >= attemptsFor(request, result, request.attempts ?? options.attempts ?? 12);
      sent = moreOf(sent, sentBy(result));
      isAnswerLost ||= mayBeDone(result);
      const so = { sent, isAnswerLost };
      if (isLast || request.signal?.aborted || !purses.pay(request, result)) return unwrap(result, so);
      try {
        await waitFor(request, result, attempt, options);
      } catch (error) {
        return unwrap({ error }, so);
      }
    }
  };
}

interface Purses {
  /** False where one more retry is not affordable. */
  pay(request: HttpRequest, result: AttemptResult): boolean;
  earn(request: HttpRequest, result: AttemptResult): void;
}

/** One budget for each origin that answered, or did not. */
function createPurses({ isHolding = () => false }: RetryOptions): Purses {
  const budgets = new Map<Origin, Budget>();
  const paid = new WeakSet<object>();
  const budgetOf = (origin: Origin) => budgets.get(origin) ?? fullBudget;
  return {
    pay(request, result) {
      const origin = originAt(request, result);
      const isFree = isHolding(origin) || ("error" in result && paid.has(result.error as object));
      if (isFree) return true;
      const spender = spenderOf(request);
      if (!canAfford(budgetOf(origin), spender)) return false;
      budgets.set(origin, stepBudget(budgetOf(origin), "retry", spender));
      if ("error" in result) paid.add(result.error as object);
      return true;
    },
    earn(request, result) {
      const origin = originAt(request, result);
      budgets.set(origin, stepBudget(budgetOf(origin), "success", spenderOf(request)));
    },
  };
}

/** Where it ended: at the registry, or at the storage or token service that it led to. */
function originAt(request: HttpRequest, result: AttemptResult): Origin {
  if ("response" in result) return originOf(result.response.url);
  const { origin } = result.error instanceof WaybillError ? result.error.context : {};
  return (origin as Origin | undefined) ?? originOf(request.url);
}

function spenderOf({ operation }: HttpRequest): Spender {
  return operation === "tag" ? "tag" : "other";
}

/** One attempt. What must be done before it is repeated is part of it: where that fails, nothing is sent. */
async function tryOnce(next: Send, request: HttpRequest, attempt: number): Promise<AttemptResult> {
  try {
    if (attempt > 1) await request.beforeRepeat?.();
  } catch (error) {
    return { error: sentNothing(error) };
  }
  try {
    return { response: await next(attempt === request.attempt ? request : { ...request, attempt }) };
  } catch (error) {
    return { error };
  }
}

/** Whatever another request had sent that failed. */
function sentNothing(error: unknown): unknown {
  if (!(error instanceof WaybillError)) return error;
  return new WaybillError(error.code, error.message, { ...error.context, sent: "nothing" }, { cause: error });
}

/** What became of a request's attempts so far. */
interface Attempts {
  /** The most that had left in any. */
  readonly sent: Sent;
  /** One of them may have been done, and nobody has said so. */
  readonly isAnswerLost: boolean;
}

/** @throws the last attempt's error, which tells the most that had left in any: one of them may have been heard. */
function unwrap(result: AttemptResult, { sent, isAnswerLost }: Attempts): HttpResponse {
  if ("response" in result)
    return isAnswerLost ? { ...answerLike(result.response, {}), mayBeDone: true } : result.response;
  const { error } = result;
  if (!(error instanceof WaybillError)) throw error;
  const own = error.context.sent ?? "nothing";
  if (moreOf(own, sent) === own) throw error;
  throw new WaybillError(error.code, error.message, { ...error.context, sent }, { cause: error.cause });
}

/** An answer that is repeated was one to all of the request. */
function sentBy(result: AttemptResult): Sent {
  if ("response" in result) return result.response.status === 503 || result.response.status === 429 ? "nothing" : "all";
  return result.error instanceof WaybillError ? (result.error.context.sent ?? "nothing") : "nothing";
}

/** Nobody has said what came of it: no answer came, or a gateway's that had none either. */
function mayBeDone(result: AttemptResult): boolean {
  if ("response" in result) return result.response.status === 502 || result.response.status === 504;
  return sentBy(result) !== "nothing";
}

function moreOf(one: Sent, other: Sent): Sent {
  const order: readonly Sent[] = ["nothing", "some", "all"];
  return order.indexOf(other) > order.indexOf(one) ? other : one;
}

/** Waits for the next attempt. */
async function waitFor(
  request: HttpRequest,
  result: AttemptResult,
  attempt: number,
  options: RetryOptions,
): Promise<void> {
  const delayMs = await delayOf(request, result, attempt, options);
  try {
    await pause(request, { attempt, delayMs, ...reasonOf(result) }, options);
  } catch {
    throw cancelledError(request, "nothing");
  }
}

async function delayOf(
  request: HttpRequest,
  result: AttemptResult,
  attempt: number,
  options: RetryOptions,
): Promise<number> {
  const { clock, random, maxRetryAfterMs = defaultMaxRetryAfterMs } = options;
  const askedMs = askedBy(result, clock);
  if ("response" in result) await drain(result.response);
  if (askedMs !== undefined && askedMs > maxRetryAfterMs) throw tooLong(request, result, askedMs, wallTime(clock));
  return repetitionMs(attempt, askedMs, random);
}

/** How long we are asked to wait: by the answer, or by that of a token service. */
function askedBy(result: AttemptResult, clock: Clock): number | undefined {
  if ("response" in result) return askedWaitMs(result.response, clock);
  return result.error instanceof WaybillError ? result.error.context.retryAfterMs : undefined;
}

function tooLong(request: HttpRequest, result: AttemptResult, askedMs: number, now: number): WaybillError {
  const words = waitWords(askedMs, now);
  if ("error" in result && result.error instanceof WaybillError) {
    // What a token service says names that service already.
    const { code, message, context, cause } = result.error;
    return new WaybillError(code, `${message}: ${words}`, { ...context, advice: waitAdvice }, { cause });
  }
  const status = "response" in result ? result.response.status : 429;
  const registry = request.registry ?? new URL(request.url).host;
  const code = status === 429 ? "rate_limited" : "unavailable";
  const context = { registry, status, retryAfterMs: askedMs, advice: waitAdvice };
  return new WaybillError(code, `Cannot go on with "${registry}": ${words}`, context);
}

function reasonOf(result: AttemptResult): { readonly why: string; readonly cause: string } {
  if ("response" in result) return { why: `HTTP ${result.response.status}`, cause: `${result.response.status}` };
  const { error } = result;
  return error instanceof WaybillError
    ? { why: error.message, cause: error.code }
    : { why: "internal", cause: "internal" };
}
