import { DeadlineExpired, flowJudge, headersDeadlineMs, type Deadlines, type FlowJudge } from "./deadlines.ts";
import type { Outgoing } from "./outgoing.ts";
import type { HttpRequest, Origin } from "./send.ts";
import { UnackedWatch } from "./unacked.ts";
import { originOf } from "./url.ts";

export interface RequestJudgeOptions {
  /** Of the body; 0 where there is none. */
  readonly sizeBytes: number;
  /** When the request began, by the clock. */
  readonly beganAt: number;
  readonly deadlines: Deadlines;
  /** When a body towards an origin has last been seen to move, or to be answered, by the clock. Shared by all. */
  readonly bodiesMoved: Map<Origin, number>;
  /** Bytes of this request's connection that the kernel holds; `undefined` where that is not known. */
  readonly unacked: () => Promise<number | undefined>;
}

/** So much of a body may lie in what forwards it, gone from us and not there yet. */
const forwardedBytes = 8 * 1024 * 1024;

/** How many times its deadline something may take that others show to be slow rather than dead. */
const mostDeadlines = 4;

/**
 * Judges a request from its beginning to that of its answer: whether its body moves, and whether the answer is late.
 *
 * We see a body leave in blocks, and the kernel takes megabytes ahead: on a slow line minutes pass between two signs. What seems to stand
 * still is therefore looked at more closely before its time is over. It has moved where the other side has acknowledged bytes
 * of it. Where nobody knows that, it is waited for as long as other bodies to the same origin move, four times its deadline at most.
 */
export class RequestJudge {
  readonly #origin: Origin;
  readonly #options: RequestJudgeOptions;
  readonly #headersMs: number;
  readonly #unacked: UnackedWatch;
  #judgeFlow: FlowJudge | undefined;
  #movedAt: number | undefined;
  #sentBytes = 0;
  #movedBytes = 0;

  constructor(request: HttpRequest, options: RequestJudgeOptions) {
    const { sizeBytes, beganAt, deadlines, unacked } = options;
    this.#origin = originOf(request.url);
    this.#options = options;
    this.#headersMs = headersDeadlineMs(request, sizeBytes, deadlines);
    this.#unacked = new UnackedWatch(unacked);
    if (sizeBytes === 0) this.#movedAt = beganAt;
  }

  /** The answer is here. */
  answered(now: number): void {
    if (this.#options.sizeBytes > 0) this.#tellOthers(now);
  }

  /** Called about once a second, with the body where there is one. */
  judge(now: number, outgoing: Outgoing | undefined): DeadlineExpired | undefined {
    const movedAt = this.#lastMove(now, outgoing);
    const isLeaving = outgoing !== undefined && !(outgoing.complete && !outgoing.waiting);
    const limitMs = isLeaving ? this.#options.deadlines.idleMs : this.#headersMs;
    if (outgoing && now - movedAt >= limitMs / 3) this.#unacked.ask();
    const expired = isLeaving ? this.#judgeLeaving(now, outgoing) : this.#judgeWaiting(now - movedAt, movedAt);
    return expired && this.#isMerelySlow(now, movedAt, limitMs) ? undefined : expired;
  }

  #lastMove(now: number, outgoing: Outgoing | undefined): number {
    const sent = outgoing?.sent ?? 0;
    if (sent !== this.#sentBytes) this.#unacked.forget();
    this.#sentBytes = sent;
    const moved = sent + this.#unacked.movedBytes;
    if (moved !== this.#movedBytes) {
      this.#movedAt = now;
      this.#tellOthers(now);
    }
    this.#movedBytes = moved;
    return (this.#movedAt ??= now);
  }

  #tellOthers(now: number): void {
    this.#options.bodiesMoved.set(this.#origin, now);
  }

  #judgeLeaving(now: number, { waiting }: Outgoing): DeadlineExpired | undefined {
    this.#judgeFlow ??= flowJudge(now, this.#options.deadlines);
    return this.#judgeFlow(now, { bytes: this.#movedBytes, waiting });
  }

  #judgeWaiting(waitedMs: number, sentAt: number): DeadlineExpired | undefined {
    const limitMs = this.#unacked.hasBytes ? this.#headersMs : this.#headersMs + this.#forwardingMs(sentAt);
    return waitedMs >= limitMs ? new DeadlineExpired("headers", limitMs) : undefined;
  }

  /** What forwards the body may still be at it, as slowly as it has taken it from us. */
  #forwardingMs(sentAt: number): number {
    const part = Math.min(1, forwardedBytes / this.#options.sizeBytes);
    return Math.min((mostDeadlines - 1) * this.#headersMs, part * (sentAt - this.#options.beganAt));
  }

  #isMerelySlow(now: number, movedAt: number, limitMs: number): boolean {
    if (this.#options.sizeBytes === 0 || this.#unacked.hasBytes) return false;
    const quietMs = now - movedAt;
    const { bodiesMoved, deadlines } = this.#options;
    const othersMovedAt = bodiesMoved.get(this.#origin) ?? movedAt;
    return quietMs >= limitMs && quietMs < mostDeadlines * limitMs && now - othersMovedAt < deadlines.idleMs;
  }
}
