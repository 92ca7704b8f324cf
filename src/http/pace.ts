/** How many requests a second an origin gets once it has said that they were too many. Immutable. */
export interface Pace {
  /** `Infinity` until it has complained; at least 1. */
  readonly perSecond: number;
  /** Complaints about what was sent in an earlier epoch are about an earlier pace. */
  readonly epoch: number;
  /** The pace that it complained of last: close to it, more is tried in small steps only. */
  readonly ceiling: number;
  /** What it bears is not known at all: more is tried in large steps. */
  readonly isSearching: boolean;
  /** What it has let through: in the second that began at `sinceMs`, and in the one before. */
  readonly passed: { readonly sinceMs: number; readonly now: number; readonly before: number };
}

export type PaceEvent =
  /** A request that was sent in `epoch` was let through. */
  | { readonly type: "passed"; readonly epoch: number; readonly nowMs: number }
  /** A request that was sent in `epoch` was one too many: 429. */
  | { readonly type: "limited"; readonly epoch: number; readonly nowMs: number };

const secondMs = 1000;
const least = 1;
/** Fewer than this in the first second say more about how a registry counts than about how many it bears. */
const telling = 5;

/** What an origin gets before anything is known about it. */
export const freePace: Pace = {
  perSecond: Number.POSITIVE_INFINITY,
  epoch: 0,
  ceiling: Number.POSITIVE_INFINITY,
  isSearching: false,
  passed: { sinceMs: 0, now: 0, before: 0 },
};

/**
 * The state after `event`. The first complaint sets the pace to what went through in the last second; each further one takes a
 * fifth to a half of it away. A second in which it was used up without a complaint adds a little, less where there was a complaint before.
 */
export function stepPace(state: Pace, event: PaceEvent): Pace {
  if (event.type === "passed") return passed(state, event);
  return event.epoch === state.epoch ? slower(state, event.nowMs) : state;
}

function slower(state: Pace, nowMs: number): Pace {
  const { perSecond, isSearching } = state;
  const epoch = state.epoch + 1;
  const borne = lastSecond(state, nowMs);
  if (perSecond === Number.POSITIVE_INFINITY) return estimated({ ...state, epoch }, borne);
  const share = isSearching ? 0.5 : Math.min(0.8, Math.max(0.5, borne / perSecond));
  const less = Math.max(least, perSecond * share);
  return { ...state, epoch, ceiling: perSecond, isSearching: false, perSecond: less };
}

/** A pace that is taken from what was borne, not from trying. */
function estimated(state: Pace, borne: number): Pace {
  return { ...state, perSecond: Math.max(least, borne), ceiling: borne, isSearching: borne < telling };
}

function passed(state: Pace, { epoch, nowMs }: PaceEvent): Pace {
  const { perSecond, ceiling, isSearching } = state;
  const { sinceMs, now, before } = upTo(state.passed, nowMs);
  // Written out, since each request makes these: V8 is slow where a spread has a value of its name behind it.
  const next = { perSecond, epoch: state.epoch, ceiling, isSearching, passed: { sinceMs, now: now + 1, before } };
  // Refusals come quicker than answers: what was under way at the first complaint was borne as well.
  if (epoch === 0 && state.epoch === 1) return estimated(next, ceiling + 1);
  const isNewSecond = sinceMs !== state.passed.sinceMs;
  // Somebody who uses less than there is has not shown that more would be borne.
  const wasUsedUp = before >= 0.75 * perSecond;
  return isNewSecond && wasUsedUp ? { ...next, perSecond: faster(state) } : next;
}

function faster({ perSecond, ceiling, isSearching }: Pace): number {
  if (isSearching) return perSecond * 2;
  const near = ceiling * 0.9;
  if (perSecond < near) return Math.min(near, perSecond + Math.max(0.5, perSecond * 0.05));
  return perSecond + Math.max(0.1, perSecond * 0.01);
}

/** How many went through in the second up to now; of the one before that only the share that is not too long ago. */
function lastSecond(state: Pace, nowMs: number): number {
  const { sinceMs, now, before } = upTo(state.passed, nowMs);
  return Math.round(now + before * (1 - (nowMs - sinceMs) / secondMs));
}

function upTo(passed: Pace["passed"], nowMs: number): Pace["passed"] {
  const agoMs = nowMs - passed.sinceMs;
  if (agoMs >= 0 && agoMs < secondMs) return passed;
  const isNext = agoMs >= secondMs && agoMs < 2 * secondMs;
  return isNext
    ? { sinceMs: passed.sinceMs + secondMs, now: 0, before: passed.now }
    : { sinceMs: nowMs, now: 0, before: 0 };
}
