import { setMaxListeners } from "node:events";
import { Controller, follow } from "./on-abort.ts";

export interface ScopeOptions {
  /** The scope's signal aborts when this one does; the link is gone once the scope has ended. */
  readonly signal?: AbortSignal;
}

/**
 * Owns the promises started in it. The first failure aborts `signal` for all; nobody is left behind: `join` waits for every
 * child, also after a failure.
 */
export interface Scope extends AsyncDisposable {
  readonly signal: AbortSignal;
  /** Starts a child. Its promise may be awaited or ignored: a failure is never "unhandled", `join` reports it. */
  spawn<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Aborts the children; does not wait. */
  abort(reason?: unknown): void;
  /** Waits for all children, also those that children start. @throws the first failure, or the reason of an abort from outside. */
  join(): Promise<void>;
}

type Failure = { readonly reason: unknown };

/** Opens a scope. Leaving its `await using` block aborts what still runs and waits for it. */
export function openScope(options: ScopeOptions = {}): Scope {
  const controller = new Controller();
  crowded(controller.signal);
  const children = new Set<Promise<unknown>>();
  const unlink = follow(options.signal, controller);
  let failure: Failure | undefined;

  function fail(reason: unknown): void {
    failure ??= { reason };
    controller.abort(reason);
  }

  async function settle(): Promise<void> {
    while (children.size > 0) await Promise.allSettled(children);
    unlink();
  }

  return {
    signal: controller.signal,
    spawn(work) {
      const child = (async () => work(controller.signal))();
      children.add(child);
      child.then(
        () => children.delete(child),
        (reason: unknown) => {
          children.delete(child);
          fail(reason);
        },
      );
      return child;
    },
    abort: (reason) => controller.abort(reason),
    async join() {
      await settle();
      if (failure) throw failure.reason;
      options.signal?.throwIfAborted();
    },
    async [Symbol.asyncDispose]() {
      if (children.size > 0) controller.abort(new Error("The scope was left"));
      await settle();
    },
  };
}

/**
 * Runs `body` in a scope of its own, waits for everything started in it, and gives back what `body` returned.
 *
 * @throws the first failure among `body` and the children, after all have ended.
 */
export async function inScope<T>(body: (scope: Scope) => Promise<T>, options: ScopeOptions = {}): Promise<T> {
  const scope = openScope(options);
  const result = scope.spawn(() => body(scope));
  await scope.join();
  return result;
}

/**
 * What `work` makes of each item, in their order, all at the same time. The first failure ends the others, which are waited for.
 *
 * @throws the first failure
 */
export async function together<T, R>(
  items: readonly T[],
  work: (item: T, signal: AbortSignal) => Promise<R>,
  options?: ScopeOptions,
): Promise<R[]> {
  await using scope = openScope(options);
  return await Promise.all(items.map((item) => scope.spawn((signal) => work(item, signal))));
}

/** Any number of things may wait for `signal`, each of which unlinks itself: to Node more than ten look like a leak. */
export function crowded(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}
