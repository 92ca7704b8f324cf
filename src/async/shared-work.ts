import { unlessAborted } from "./on-abort.ts";

/**
 * Runs `work` unless the same key is being worked on: then waits for that, and gets what it comes to. The work is its first caller's,
 * and runs under that one's signal; where that caller has given it up, whoever waits begins anew with work of its own.
 * Lighter than a `SingleFlight`, whose work goes on for those who are left. Results are not kept.
 *
 * @throws what the work throws; the reason of `signal` as soon as it aborts, but for the first caller, whose work must end before.
 */
export type SharedWork<K, V> = (key: K, work: () => Promise<V>, signal?: AbortSignal) => Promise<V>;

interface UnderWay<V> {
  readonly result: Promise<V>;
  readonly signal: AbortSignal | undefined;
}

/** Nothing is under way; keys are compared as `Map` does. */
export function sharedWork<K, V>(): SharedWork<K, V> {
  const underWay = new Map<K, UnderWay<V>>();

  async function begin(key: K, work: () => Promise<V>, signal: AbortSignal | undefined): Promise<V> {
    const result = work();
    underWay.set(key, { result, signal });
    try {
      return await result;
    } finally {
      underWay.delete(key);
    }
  }

  return async (key, work, signal) => {
    for (;;) {
      signal?.throwIfAborted();
      const others = underWay.get(key);
      if (!others) return begin(key, work, signal);
      try {
        return await unlessAborted(others.result, signal);
      } catch (error) {
        if (!others.signal?.aborted) throw error;
      }
    }
  };
}
