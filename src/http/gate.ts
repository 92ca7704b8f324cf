import { spreadMs } from "../async/backoff.ts";
import type { Breaker } from "../async/breaker.ts";
import type { Clock, Random } from "../async/clock.ts";
import { withDeadline } from "../async/deadline.ts";
import { createLanes, type Lanes, type Release } from "../async/lanes.ts";
import { createTurnstile, type Turnstile } from "../async/turnstile.ts";
import type { WaitOptions } from "../async/queue.ts";
import { hasCode, WaybillError } from "../errors.ts";
import type { Report } from "../telemetry/events.ts";
import { initialConcurrency, stepConcurrency, type Concurrency, type ConcurrencyEvent } from "./concurrency.ts";
import { createHold, type Hold, type Permit } from "./hold.ts";
import { freePace, stepPace, type Pace, type PaceEvent } from "./pace.ts";
import type { HttpRequest, Operation, Origin } from "./send.ts";
import { hostOf } from "./url.ts";

/** What the user allows towards one origin. Absent: as much as it bears. */
export interface OriginLimit {
  /** Most requests at the same time, and beside them as many blobs that are read. */
  readonly concurrency?: number;
  readonly requestsPerSecond?: number;
}

export interface GateOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** Slots that only manifests, tokens and tags may use, beside the others; default 8. */
  readonly reserved?: number;
  readonly limit?: OriginLimit;
}

/** A request that may go, or has gone. Both releases are safe to call more than once. */
export interface Pass {
  readonly permit: Permit;
  readonly concurrencyEpoch: number;
  readonly paceEpoch: number;
  /** Gives the adaptive slot back. */
  readonly leaveLane: Release;
  /** Gives back what the user's limit counts, where there is one: from the request to the end of its answer. */
  readonly leaveSeat?: Release;
}

/**
 * How long an upload waits for a slot before it goes ahead without one. Uploads may depend on each other: one read feeds uploads
 * to several registries in step, so a slot here may be waiting for a slot there. Nobody waits for ever.
 */
const patienceMs = 5000;

const nothing: Release = () => undefined;

/** Lets requests to one origin through: as many at a time and in a second as it bears, and none while it wants none. */
export class Gate {
  readonly hold: Hold;
  readonly #options: GateOptions;
  readonly #names: { readonly registry: string; readonly origin: Origin };
  readonly #reading: Lanes;
  readonly #writing: Lanes;
  readonly #seats: { readonly requests: Lanes; readonly blobs: Lanes } | undefined;
  readonly #turnstile: Turnstile;
  #concurrency: Concurrency = initialConcurrency;
  #pace: Pace = freePace;
  /** What the hold was last told, in words. */
  #why = "";

  constructor(origin: Origin, registry: string | undefined, options: GateOptions) {
    const { clock, random, reserved = 8, limit = {} } = options;
    this.#options = options;
    this.#names = { registry: registry ?? hostOf(origin), origin };
    this.#reading = createLanes({ limit: initialConcurrency.limit, reserved });
    this.#writing = createLanes({ limit: initialConcurrency.limit });
    this.#seats = limit.concurrency === undefined ? undefined : seatsFor(limit.concurrency);
    this.#turnstile = createTurnstile(clock, limit.requestsPerSecond);
    this.hold = createHold({ clock, random, onChange: (state) => this.#tellHold(state) });
    this.#tell();
  }

  /** The pass of a request that may go at once; `undefined` for one that has to wait. */
  passNow(request: HttpRequest): Pass | undefined {
    const { operation, signal } = request;
    if (this.#seats || signal?.aborted || isFarewell(request) || this.#isSpaced(undefined)) return undefined;
    const permit = this.hold.permit();
    const leaveLane = permit && this.#lanesOf(operation).acquireNow({ urgent: urgent.has(operation) });
    return leaveLane && this.#passWith(permit, leaveLane);
  }

  /** Waits until `request` may go. @throws what its signal says, or the failure of the request that went ahead of it. */
  async enter(request: HttpRequest): Promise<Pass> {
    const options: WaitOptions = {
      urgent: urgent.has(request.operation),
      signal: request.signal,
    };
    const leaveSeat = this.#seats && (await seatOf(request, this.#seats).acquire(options));
    try {
      for (;;) {
        const going = await this.#go(request, options);
        if (going) return leaveSeat ? { ...going, leaveSeat } : going;
      }
    } catch (error) {
      leaveSeat?.();
      throw error;
    }
  }

  /** Nothing where the origin has stopped answering while we waited for something else. */
  async #go(request: HttpRequest, options: WaitOptions): Promise<Pass | undefined> {
    const ownWay = isFarewell(request) ? regardless : undefined;
    const early = ownWay ?? this.hold.permit() ?? (await this.hold.wait(options));
    if (early.isProbe) return this.#goAhead(early, options);
    const leaveLane = await this.#takeLane(request, options);
    try {
      if (this.#isSpaced(ownWay)) await this.#turnstile.pass(options);
      const permit = ownWay ?? this.hold.permit();
      if (permit) return this.#passWith(permit, leaveLane);
    } catch (error) {
      leaveLane();
      throw error;
    }
    leaveLane();
    return undefined;
  }

  async #goAhead(permit: Permit, options: WaitOptions): Promise<Pass> {
    try {
      if (this.#isSpaced(permit)) await this.#turnstile.pass({ ...options, urgent: true });
      return this.#passWith(permit, nothing);
    } catch (error) {
      this.hold.givenUp(permit);
      throw error;
    }
  }

  /** What goes although others are held keeps to what the user allows, not to what was learned. */
  #isSpaced(ownWay: Permit | undefined): boolean {
    if (ownWay) return this.#options.limit?.requestsPerSecond !== undefined;
    return this.#turnstile.perSecond !== Number.POSITIVE_INFINITY;
  }

  #passWith(permit: Permit, leaveLane: Release): Pass {
    return { permit, leaveLane, concurrencyEpoch: this.#concurrency.epoch, paceEpoch: this.#pace.epoch };
  }

  async #takeLane({ operation }: HttpRequest, options: WaitOptions): Promise<Release> {
    const lanes = this.#lanesOf(operation);
    if (lanes === this.#reading || lanes.active < lanes.limit) return lanes.acquire(options);
    const wait = (inTime: AbortSignal) => lanes.acquire({ signal: inTime });
    try {
      return await withDeadline(this.#options.clock, patienceMs, wait, options);
    } catch (error) {
      if (options.signal?.aborted || !hasCode(error, "timeout")) throw error;
      return nothing;
    }
  }

  #lanesOf(operation: Operation | undefined): Lanes {
    return operation === "upload-body" ? this.#writing : this.#reading;
  }

  /** Learns from an answer that shows the origin alive. `latencyMs` is absent where it says nothing about the origin. */
  answered(pass: Pass, seen: { readonly latencyMs: number; readonly ownLoad: number } | undefined): void {
    this.hold.answered();
    this.#stepPace({ type: "passed", epoch: pass.paceEpoch, nowMs: this.#options.clock.now() });
    if (seen) this.#stepConcurrency({ type: "answered", ...seen, epoch: pass.concurrencyEpoch });
  }

  /** Learns that there were too many at the same time. */
  overloaded(pass: Pass): void {
    this.#stepConcurrency({ type: "overloaded", epoch: pass.concurrencyEpoch });
  }

  /** Learns that the origin wants fewer requests, and none for `waitMs` where it says so. */
  limited(pass: Pass, waitMs: number | undefined): void {
    const nowMs = this.#options.clock.now();
    this.#why = "HTTP 429";
    this.overloaded(pass);
    this.#stepPace({ type: "limited", epoch: pass.paceEpoch, nowMs });
    if (waitMs === undefined) return this.hold.answered();
    this.hold.limited(nowMs + waitMs + spreadMs(waitMs, this.#options.random));
  }

  /** Learns that nobody answers, or nobody who could. */
  failed(pass: Pass, error: WaybillError): void {
    this.#why = error.message;
    this.hold.failed(pass.permit, shared(error));
  }

  #stepConcurrency(event: ConcurrencyEvent): void {
    const { limit } = this.#concurrency;
    this.#concurrency = stepConcurrency(this.#concurrency, event);
    if (this.#concurrency.limit === limit) return;
    this.#reading.limit = this.#concurrency.limit;
    this.#writing.limit = this.#concurrency.limit;
    this.#tell();
  }

  #stepPace(event: PaceEvent): void {
    const { perSecond } = this.#pace;
    this.#pace = stepPace(this.#pace, event);
    if (this.#pace.perSecond === perSecond) return;
    const { requestsPerSecond = Number.POSITIVE_INFINITY } = this.#options.limit ?? {};
    const before = this.#turnstile.perSecond;
    this.#turnstile.perSecond = Math.min(requestsPerSecond, this.#pace.perSecond);
    // What it is when all begin to wait is told with that.
    if (this.#turnstile.perSecond !== before && !this.hold.isHolding) this.#tell();
  }

  #tellHold(state: Breaker): void {
    if (state.at === "half-open") return;
    if (state.at === "closed") return this.#tell();
    this.#tell({ waitMs: state.untilMs - this.#options.clock.now(), why: this.#why });
  }

  #tell(waiting: { readonly waitMs?: number; readonly why?: string } = {}): void {
    const { clock, report } = this.#options;
    const { perSecond } = this.#turnstile;
    const concurrency = Math.min(this.#concurrency.limit, this.#options.limit?.concurrency ?? Number.POSITIVE_INFINITY);
    const rate = perSecond === Number.POSITIVE_INFINITY ? {} : { perSecond };
    report({ type: "load", ...this.#names, concurrency, ...rate, ...waiting, at: clock.now() });
  }
}

const urgent: ReadonlySet<Operation | undefined> = new Set<Operation | undefined>([
  "manifest",
  "tag",
  "token",
  "list",
  "ping",
  "upload-control",
]);

/** Goes although others are held back. Its failure is no news. */
const regardless: Permit = { epoch: -1, isProbe: false };

/** Giving an upload up is tried once, whatever the registry's state: later there is nobody left to try. */
function isFarewell({ operation, method }: HttpRequest): boolean {
  return operation === "upload-control" && method === "DELETE";
}

/** Blobs that are read have seats of their own: what is uploaded to the same place may come from there. */
function seatsFor(limit: number): { requests: Lanes; blobs: Lanes } {
  return { requests: createLanes({ limit }), blobs: createLanes({ limit }) };
}

function seatOf({ operation, method }: HttpRequest, seats: { requests: Lanes; blobs: Lanes }): Lanes {
  return operation === "blob" && method === "GET" ? seats.blobs : seats.requests;
}

/** The failure of one as it is for those who waited for it: nothing of theirs has left. */
function shared(error: WaybillError): WaybillError {
  return new WaybillError(error.code, error.message, { ...error.context, sent: "nothing" }, { cause: error.cause });
}
