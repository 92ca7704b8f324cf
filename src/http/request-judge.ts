import { DeadlineExpired, flowJudge, headersDeadlineMs, type Deadlines, type FlowJudge } from "./deadlines.ts";
import type { Outgoing } from "./outgoing.ts";
import type { HttpRequest, Origin } from "./send.ts";
import { UnackedWatch } from "./unacked.ts";
import { originOf } from "./url.ts";

/** What the bodies that are on their way to one origin tell of that way, all together. */
interface Bodies {
  /** When one of them has last been seen to move, or to be answered, by the clock. */
  movedAt: number;
  /** Of each that is not answered: how much of it may lie between us and the origin. */
  readonly unansweredBytes: Map<RequestJudge, number>;
}

/** Those of each origin, known by what judges them. Shared by all requests of a network. */
export type BodiesUnderWay = Map<Origin, Bodies>;

export interface RequestJudgeOptions {
  /** Of the body; 0 where there is none. */
  readonly sizeBytes: number;
  /** When the request began, by the clock. */
  readonly beganAt: number;
  readonly deadlines: Deadlines;
  readonly bodies: BodiesUnderWay;
  /** Bytes of this request's connection that the kernel holds; `undefined` where that is not known. */
  readonly unacked: () => Promise<number | undefined>;
}

/** So much of a body may lie in what forwards it, gone from us and not there yet. */
const mostForwardedBytes = 8 * 1024 * 1024;

/** How fast it is forwarded at least, all bodies to an origin together. */
const forwardedBytesPerSecond = 32 * 1024;

const mostForwardingMs = 180_000;

/** How many times its deadline something may take that others show to be slow rather than dead. */
const mostDeadlines = 4;

/**
 * Judges a request from its beginning to that of its answer: whether its body moves, and whether the answer is late.
 *
 * We see a body leave in blocks, and the kernel takes megabytes ahead: on a slow line minutes pass between two signs. What seems
 * to stand still is therefore looked at more closely before its time is over. It has moved where the other side has acknowledged
 * bytes of it. Beside that it is waited for as long as other bodies to the same origin move, four times its deadline at most.
 * And what forwards bodies, a proxy for instance, has time to do so after the last byte has left us.
 */
export class RequestJudge {
  readonly #bodies: Bodies;
  readonly #options: RequestJudgeOptions;
  readonly #headersMs: number;
  readonly #unacked: UnackedWatch;
  #judgeFlow: FlowJudge | undefined;
  #movedAt: number | undefined;
  #sentBytes = 0;
  #movedBytes = 0;

  constructor(request: HttpRequest, options: RequestJudgeOptions) {
    const { sizeBytes, beganAt, deadlines, bodies, unacked } = options;
    const origin = originOf(request.url);
    this.#bodies = bodies.get(origin) ?? { movedAt: beganAt, unansweredBytes: new Map() };
    if (sizeBytes > 0) this.#bodies.unansweredBytes.set(this, Math.min(sizeBytes, mostForwardedBytes));
    bodies.set(origin, this.#bodies);
    this.#options = options;
    this.#headersMs = headersDeadlineMs(request, sizeBytes, deadlines);
    this.#unacked = new UnackedWatch(unacked);
    if (sizeBytes === 0) this.#movedAt = beganAt;
  }

  /** The answer is here. */
  answered(now: number): void {
    this.end();
    if (this.#options.sizeBytes > 0) this.#bodies.movedAt = now;
  }

  /** Nothing more is judged, answered or not. */
  end(): void {
    this.#bodies.unansweredBytes.delete(this);
  }

  /** Called about once a second, with the body where there is one. */
  judge(now: number, outgoing: Outgoing | undefined): DeadlineExpired | undefined {
    const movedAt = this.#lastMove(now, outgoing);
    const isLeaving = outgoing !== undefined && !(outgoing.complete && !outgoing.waiting);
    const limitMs = isLeaving ? this.#options.deadlines.idleMs : this.#headersMs;
    if (outgoing && now - movedAt >= limitMs / 3) this.#unacked.ask();
    const expired = isLeaving ? this.#judgeLeaving(now, outgoing) : this.#judgeWaiting(now - movedAt);
    return expired && this.#isMerelySlow(now, movedAt, limitMs) ? undefined : expired;
  }

  #lastMove(now: number, outgoing: Outgoing | undefined): number {
    const sent = outgoing?.sent ?? 0;
    if (sent !== this.#sentBytes) this.#unacked.forget();
    this.#sentBytes = sent;
    const moved = sent + this.#unacked.movedBytes;
    if (moved !== this.#movedBytes) {
      this.#movedAt = now;
      this.#bodies.movedAt = now;
    }
    this.#movedBytes = moved;
    return (this.#movedAt ??= now);
  }

  #judgeLeaving(now: number, { waiting }: Outgoing): DeadlineExpired | undefined {
    this.#judgeFlow ??= flowJudge(now, this.#options.deadlines);
    return this.#judgeFlow(now, { bytes: this.#movedBytes, waiting });
  }

  #judgeWaiting(waitedMs: number): DeadlineExpired | undefined {
    const limitMs = this.#unacked.hasBytes ? this.#headersMs : this.#headersMs + this.#forwardingMs();
    return waitedMs >= limitMs ? new DeadlineExpired("headers", limitMs) : undefined;
  }

  /** What forwards the body may still be at it, and at those of others. */
  #forwardingMs(): number {
    if (this.#options.sizeBytes === 0) return 0;
    let bytes = 0;
    for (const more of this.#bodies.unansweredBytes.values()) bytes += more;
    return Math.min(mostForwardingMs, (bytes / forwardedBytesPerSecond) * 1000);
  }

  #isMerelySlow(now: number, movedAt: number, limitMs: number): boolean {
    if (this.#options.sizeBytes === 0) return false;
    const quietMs = now - movedAt;
    const othersQuietMs = now - this.#bodies.movedAt;
    return quietMs >= limitMs && quietMs < mostDeadlines * limitMs && othersQuietMs < this.#options.deadlines.idleMs;
  }
}
