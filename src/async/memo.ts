import { singleFlight } from "./single-flight.ts";

/** Answers by key, each asked for once. */
export interface Memo<V> {
  /**
   * The answer for `key`: the remembered one, the one that is under way, or a new one from `load`. An error is told to all
   * who wait and then forgotten. `load` is stopped when nobody waits for it any more,
   * and the last to leave waits until it has ended.
   *
   * @throws what `load` throws; the reason of `signal` as soon as it aborts.
   */
  get(key: string, load: (signal: AbortSignal) => Promise<V>, signal?: AbortSignal): Promise<V>;
  /** Whether `get` would find `key` remembered or under way. */
  has(key: string): boolean;
  /** Remembers an answer that became known in another way. */
  set(key: string, value: V): void;
}

/** A memo that remembers as long as it lives. */
export function createMemo<V>(): Memo<V> {
  const known = new Map<string, V>();
  const underWay = new Set<string>();
  const flight = singleFlight<string, V>();
  return {
    async get(key, load, signal) {
      signal?.throwIfAborted();
      if (known.has(key)) return known.get(key) as V;
      const work = async (stop: AbortSignal): Promise<V> => {
        underWay.add(key);
        try {
          const value = await load(stop);
          known.set(key, value);
          return value;
        } finally {
          underWay.delete(key);
        }
      };
      return flight(key, work, { signal });
    },
    has: (key) => known.has(key) || underWay.has(key),
    set: (key, value) => void known.set(key, value),
  };
}
