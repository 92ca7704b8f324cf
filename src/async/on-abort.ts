/** Whom the controller of a signal tells. They are the signal's, and go with it. */
const told = new WeakMap<AbortSignal, Set<() => void>>();
/** Whom a signal's one listener tells, where its controller is not ours. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `callback` once when `signal` aborts, until the returned function is called, which is safe to do twice. Nothing happens
 * where it has aborted already, or where there is none.
 *
 * Any number may wait for one signal: it has one listener, and none when nobody waits. Its own list of listeners is
 * searched from the front each time that one is added or taken off. The signal of a `Controller` needs none.
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (!signal || signal.aborted) return ignore;
  const own = told.get(signal);
  if (own) {
    own.add(callback);
    return () => void own.delete(callback);
  }
  const callbacks = waiting.get(signal) ?? listen(signal);
  callbacks.add(callback);
  return () => {
    if (callbacks.delete(callback) && callbacks.size === 0) stopListening(signal);
  };
}

/**
 * A controller that tells those who wait by `onAbort` itself, after the listeners of its signal. Requests come and go by the
 * thousand, and each waits for several signals: a listener costs Node twenty times as much as a place in a set.
 */
export class Controller extends AbortController {
  readonly #callbacks = new Set<() => void>();

  constructor() {
    super();
    told.set(this.signal, this.#callbacks);
  }

  override abort(reason?: unknown): void {
    super.abort(reason);
    const callbacks = [...this.#callbacks];
    for (const callback of callbacks) if (this.#callbacks.delete(callback)) callback();
  }
}

/**
 * Aborts `controller` when `signal` aborts, or has aborted, until the returned function is called. `reason`: why; default the
 * signal's own.
 */
export function follow(
  signal: AbortSignal | undefined,
  controller: AbortController,
  reason = (): unknown => signal?.reason,
): () => void {
  const abort = () => controller.abort(reason());
  if (signal?.aborted) abort();
  return onAbort(signal, abort);
}

/** What `work` gives; it goes on, but is waited for no longer, when `signal` aborts. @throws what `reason` gives then, by default the signal's own */
export function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  reason = (): unknown => signal?.reason,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(reason());
    if (signal?.aborted) leave();
    const stay = onAbort(signal, leave);
    work.then(resolve, reject).finally(stay);
  });
}

function listen(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  waiting.set(signal, callbacks);
  signal.addEventListener("abort", tell, { once: true });
  return callbacks;
}

function stopListening(signal: AbortSignal): void {
  waiting.delete(signal);
  signal.removeEventListener("abort", tell);
}

function tell(this: AbortSignal): void {
  const callbacks = waiting.get(this) ?? [];
  waiting.delete(this);
  for (const callback of callbacks) callback();
}

function ignore(): void {
  // There is nothing to take back.
}
