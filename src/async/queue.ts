import { onAbort } from "./on-abort.ts";

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** Goes before all that are not; default false. */
  readonly urgent?: boolean;
}

/** Those who wait for something: urgent ones first, else first come, first served. */
export interface Queue<T> {
  readonly size: number;
  /** Resolves with what `admit` gives. @throws the signal's reason when it aborts first, or what `refuseAll` gives. */
  wait(options?: WaitOptions): Promise<T>;
  /** Lets the first one go; false where nobody waits. */
  admit(value: T): boolean;
  /** Fails everybody who waits. */
  refuseAll(reason: unknown): void;
}

interface Waiter<T> {
  admit(value: T): void;
  refuse(reason: unknown): void;
}

/** Makes a queue in which nobody waits; `onLeave` is called when somebody has given up waiting. */
export function createQueue<T>(onLeave: () => void = () => undefined): Queue<T> {
  const urgentLine = new Set<Waiter<T>>();
  const line = new Set<Waiter<T>>();

  function takeFirst(): Waiter<T> | undefined {
    for (const waiters of [urgentLine, line]) {
      for (const waiter of waiters) {
        waiters.delete(waiter);
        return waiter;
      }
    }
    return undefined;
  }

  return {
    get size() {
      return urgentLine.size + line.size;
    },
    wait: ({ signal, urgent = false } = {}) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const own = urgent ? urgentLine : line;
        const stay = onAbort(signal, () => {
          own.delete(waiter);
          reject(signal?.reason as Error);
          onLeave();
        });
        const waiter: Waiter<T> = {
          admit(value) {
            stay();
            resolve(value);
          },
          refuse(reason) {
            stay();
            reject(reason);
          },
        };
        own.add(waiter);
      }),
    admit(value) {
      const waiter = takeFirst();
      waiter?.admit(value);
      return waiter !== undefined;
    },
    refuseAll(reason) {
      for (let waiter = takeFirst(); waiter; waiter = takeFirst()) waiter.refuse(reason);
    },
  };
}
