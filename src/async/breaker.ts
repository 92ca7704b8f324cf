/**
 * Whether one place is asked at all. Immutable. Each change of `at` begins a new epoch: what was asked in an earlier one cannot
 * fail this one.
 */
export type Breaker =
  /** As usual. `failures`: in a row, without an answer between. */
  | { readonly at: "closed"; readonly epoch: number; readonly failures: number }
  /** It has said when to come back. Nothing needs to be tried then. */
  | { readonly at: "paused"; readonly epoch: number; readonly untilMs: number }
  /** It does not answer. `trips`: how often in a row that was found, counted as far as it makes a difference. */
  | { readonly at: "open"; readonly epoch: number; readonly untilMs: number; readonly trips: number }
  /** One goes ahead to see whether it answers again. */
  | { readonly at: "half-open"; readonly epoch: number; readonly trips: number };

export type BreakerEvent =
  /** Any answer that shows it alive, to a question of any age. */
  | { readonly type: "answered" }
  /** What was asked in `epoch` got no answer, or one that says that nobody is at home. `chance` is from 0 to 1. */
  | { readonly type: "failed"; readonly epoch: number; readonly nowMs: number; readonly chance: number }
  /** It is alive and wants to be left alone for a while. */
  | { readonly type: "limited"; readonly untilMs: number }
  /** Somebody wants to ask. */
  | { readonly type: "wanted"; readonly nowMs: number }
  /** What was asked in `epoch` was given up before anybody could tell. */
  | { readonly type: "given-up"; readonly epoch: number; readonly nowMs: number };

/** So many failures in a row are not chance. */
const tooMany = 5;
const baseMs = 200;
const capMs = 10_000;
/** From here on the wait no longer grows. */
const mostTrips = 6;

/** A place that nobody has complained of. */
export const closedBreaker: Breaker = { at: "closed", epoch: 0, failures: 0 };

/** The state after `event`. */
export function stepBreaker(state: Breaker, event: BreakerEvent): Breaker {
  switch (event.type) {
    case "answered":
      return state.at === "paused" ? state : closed(state);
    case "failed":
      return event.epoch === state.epoch ? failed(state, event) : state;
    case "limited":
      return limited(state, event.untilMs);
    case "wanted":
      return wanted(state, event.nowMs);
    default:
      return event.epoch === state.epoch && state.at === "half-open" ? open(state, event.nowMs, state.trips) : state;
  }
}

function closed(state: Breaker): Breaker {
  if (state.at !== "closed") return { at: "closed", epoch: state.epoch + 1, failures: 0 };
  return state.failures === 0 ? state : { ...state, failures: 0 };
}

function failed(state: Breaker, { nowMs, chance }: BreakerEvent & { type: "failed" }): Breaker {
  if (state.at === "half-open")
    return open(state, nowMs + restMs(state.trips, chance), Math.min(mostTrips, state.trips + 1));
  if (state.at !== "closed") return state;
  const failures = state.failures + 1;
  return failures < tooMany ? { ...state, failures } : open(state, nowMs + restMs(0, chance), 1);
}

/** Twice as long each time, and half of it by chance, so that those who saw it fail do not all come back together. */
function restMs(trips: number, chance: number): number {
  const mostMs = Math.min(capMs, baseMs * 2 ** trips);
  return Math.round(mostMs * (0.5 + chance / 2));
}

function open({ epoch }: Breaker, untilMs: number, trips: number): Breaker {
  return { at: "open", epoch: epoch + 1, untilMs, trips };
}

function limited(state: Breaker, untilMs: number): Breaker {
  if (state.at === "paused") return untilMs > state.untilMs ? { ...state, untilMs } : state;
  return { at: "paused", epoch: state.epoch + 1, untilMs };
}

function wanted(state: Breaker, nowMs: number): Breaker {
  if (state.at !== "paused" && state.at !== "open") return state;
  if (nowMs < state.untilMs) return state;
  if (state.at === "paused") return closed(state);
  return { at: "half-open", epoch: state.epoch + 1, trips: state.trips };
}
