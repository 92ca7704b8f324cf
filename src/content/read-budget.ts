/** Somebody who holds bytes that others could do without. */
export interface Spender {
  /** Lets go of what nobody reads at the moment. */
  yieldUp(): void;
}

/** How many bytes all shared reads together may hold for readers that have not taken them yet. Counted exactly. */
export interface ReadBudget {
  readonly limitBytes: number;
  readonly heldBytes: number;
  /** Counts `bytes` as held, after asking spenders to yield where need be; false, and nothing is counted, where that is not enough. */
  take(bytes: number): boolean;
  give(bytes: number): void;
  /** `spender` can be asked to yield, the longest-known first, until the returned function is called. */
  admit(spender: Spender): () => void;
  /** Calls `listener` whenever bytes are given back, until the returned function is called. */
  onGiven(listener: () => void): () => void;
}

/** Nothing is held. */
export function createReadBudget(limitBytes: number): ReadBudget {
  const spenders = new Set<Spender>();
  const listeners = new Set<() => void>();
  let heldBytes = 0;
  const fits = (bytes: number) => heldBytes + bytes <= limitBytes;
  return {
    limitBytes,
    get heldBytes() {
      return heldBytes;
    },
    take(bytes) {
      if (bytes > limitBytes) return false;
      for (const spender of spenders) {
        if (fits(bytes)) break;
        spender.yieldUp();
      }
      if (!fits(bytes)) return false;
      heldBytes += bytes;
      return true;
    },
    give(bytes) {
      heldBytes -= bytes;
      for (const listener of listeners) listener();
    },
    admit: (spender) => added(spenders, spender),
    onGiven: (listener) => added(listeners, listener),
  };
}

function added<T>(all: Set<T>, one: T): () => void {
  all.add(one);
  return () => void all.delete(one);
}
