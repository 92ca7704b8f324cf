import { busyLoad } from "../async/own-load.ts";

/** How many requests an origin gets at the same time, and what taught us. Immutable. */
export interface Concurrency {
  readonly limit: number;
  /** Latencies of the current window, in milliseconds. */
  readonly window: readonly number[];
  /** The lowest 95th percentile of a window so far; `undefined` until the first window is full. */
  readonly best?: number;
  /** How often it was too many: from the first time on more are tried in small steps. */
  readonly epoch: number;
}

/** `epoch` is that of the state in which the request was sent; default the present one. Older ones tell of a load that is gone. */
export type ConcurrencyEvent =
  /**
   * An answer of the usual kind, `latencyMs` from the request to its headers. `ownLoad`, from 0 to 1, is how busy we were
   * ourselves: an answer that waited for us says nothing about the registry by being late.
   */
  | { readonly type: "answered"; readonly latencyMs: number; readonly ownLoad?: number; readonly epoch?: number }
  /** 429, 503, an HTTP/2 ENHANCE_YOUR_CALM, or an upload that stood still. */
  | { readonly type: "overloaded"; readonly epoch?: number };

const least = 2;
const most = 64;
const windowLength = 32;
/** Below this, a doubled latency is noise. */
const noiseMs = 50;

/** What an origin gets before anything is known about it. */
export const initialConcurrency: Concurrency = { limit: 32, window: [], epoch: 0 };

/**
 * The state after `event`: more after each full window of good answers, twice as many until it was too many once; half after
 * overload or a doubled 95th percentile.
 */
export function stepConcurrency(state: Concurrency, event: ConcurrencyEvent): Concurrency {
  if (event.epoch !== undefined && event.epoch !== state.epoch) return state;
  if (event.type === "overloaded") return halved(state);
  if (isOurOwnDelay(state, event)) return state;
  const window = [...state.window, event.latencyMs];
  if (window.length < windowLength) return { ...state, window };
  const high = percentile95(window);
  const best = Math.min(state.best ?? high, high);
  if (high > 2 * best + noiseMs) return { ...halved(state), best: best * 1.25 };
  const more = state.epoch > 0 ? 8 : state.limit;
  return { ...state, limit: Math.min(most, state.limit + more), window: [], best };
}

function isOurOwnDelay(
  { best }: Concurrency,
  { latencyMs, ownLoad = 0 }: ConcurrencyEvent & { type: "answered" },
): boolean {
  return ownLoad > busyLoad && best !== undefined && latencyMs > 2 * best + noiseMs;
}

function halved(state: Concurrency): Concurrency {
  return { ...state, limit: Math.max(least, Math.floor(state.limit / 2)), window: [], epoch: state.epoch + 1 };
}

function percentile95(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length * 0.95)] ?? 0;
}
