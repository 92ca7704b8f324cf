import { inLane, type Lanes } from "../async/lanes.ts";
import type { CallOptions } from "../content/store.ts";

/** One of those that share a turn. */
export interface Sharer<T> extends CallOptions {
  readonly item: T;
  /** Fails this one alone. */
  readonly refuse: (error: unknown) => void;
}

/**
 * Waits for a slot of `queue`, and does `work` there for all that have come by the time it calls `take`. Who has been taken by
 * another finds its own done, and waits for the end of that, whatever `signal` says: it may show already.
 *
 * @throws what `work` throws, to all that it has taken, or else to the one whose turn it is; what it refused the item with; the
 *   signal's reason where nobody has taken it.
 */
export type ShareTurn<T> = (
  item: T,
  queue: Lanes,
  options: CallOptions,
  work: (take: () => readonly Sharer<T>[]) => Promise<void>,
) => Promise<void>;

interface Waiting<T> extends Sharer<T> {
  readonly outcome: Promise<void>;
  readonly resolve: () => void;
}

/** Turns that nobody waits for yet. */
export function sharedTurns<T>(): ShareTurn<T> {
  const waiting = new Set<Waiting<T>>();
  return async (item, queue, options, work) => {
    const own = waitingOf(item, options);
    waiting.add(own);
    try {
      await inLane(queue, { signal: options.signal }, async () => {
        if (waiting.has(own)) await workFor(waiting, work);
      });
    } catch (error) {
      if (waiting.delete(own)) throw error;
    }
    return own.outcome;
  };
}

function waitingOf<T>(item: T, { signal }: CallOptions): Waiting<T> {
  let [resolve, refuse]: [() => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const outcome = new Promise<void>((...settle) => ([resolve, refuse] = settle));
  // It may be known before whoever waits for a slot comes to look.
  outcome.catch(() => undefined);
  return { item, signal, outcome, resolve, refuse };
}

async function workFor<T>(
  waiting: Set<Waiting<T>>,
  work: (take: () => readonly Sharer<T>[]) => Promise<void>,
): Promise<void> {
  let taken: readonly Waiting<T>[] = [];
  const take = () => {
    taken = [...waiting];
    waiting.clear();
    return taken;
  };
  try {
    await work(take);
  } catch (error) {
    for (const { refuse } of taken) refuse(error);
    throw error;
  }
  for (const { resolve } of taken) resolve();
}
