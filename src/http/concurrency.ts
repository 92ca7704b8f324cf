/** How many requests an origin gets at the same time, and what taught us. Immutable. */
export interface Concurrency {
  readonly limit: number;
  /** Latencies of the current window, in milliseconds. */
  readonly window: readonly number[];
  /** The lowest 95th percentile of a window so far; `undefined` until the first window is full. */
  readonly best?: number;
}

export type ConcurrencyEvent =
  /** An answer of the usual kind, `latencyMs` from the request to its headers. */
  | { readonly type: "answered"; readonly latencyMs: number }
  /** 429, 503 or an HTTP/2 ENHANCE_YOUR_CALM. */
  | { readonly type: "overloaded" };

const least = 2;
const most = 64;
const windowLength = 32;
/** Below this, a doubled latency is noise. */
const noiseMs = 50;

/** What an origin gets before anything is known about it. */
export const initialConcurrency: Concurrency = { limit: 32, window: [] };

/** The state after `event`: one more after each full window of good answers, half after overload or a doubled 95th percentile. */
export function stepConcurrency(state: Concurrency, event: ConcurrencyEvent): Concurrency {
  if (event.type === "overloaded") return halved(state);
  const window = [...state.window, event.latencyMs];
  if (window.length < windowLength) return { ...state, window };
  const high = percentile95(window);
  const best = Math.min(state.best ?? high, high);
  if (high > 2 * best + noiseMs) return { ...halved(state), best: best * 1.25 };
  return { limit: Math.min(most, state.limit + 8), window: [], best };
}

function halved(state: Concurrency): Concurrency {
  return { ...state, limit: Math.max(least, Math.floor(state.limit / 2)), window: [] };
}

function percentile95(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length * 0.95)] ?? 0;
}
