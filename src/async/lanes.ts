/** Gives the slot back; safe to call more than once. */
export type Release = () => void;

export interface AcquireOptions {
  readonly signal?: AbortSignal;
  /** Small and urgent: may use the reserved slots too. */
  readonly urgent?: boolean;
}

/** Limits how many things happen at the same time. First come, first served within a lane. */
export interface Lanes {
  /** How many ordinary holders there may be; lowering it takes nothing away, it only lets fewer in. At least 1. */
  limit: number;
  /** Holders now, urgent ones included. */
  readonly active: number;
  readonly waiting: number;
  /** Waits for a slot. @throws the signal's reason when it aborts first; nothing is held then. */
  acquire(options?: AcquireOptions): Promise<Release>;
}

export interface LanesOptions {
  readonly limit: number;
  /** Slots beyond `limit` that only urgent work may use, so that large bodies cannot starve it; default 0. */
  readonly reserved?: number;
}

interface Waiter {
  admit(): void;
}

type Lane = "ordinary" | "reserved";

/** Makes lanes that nobody is in. */
export function createLanes({ limit, reserved = 0 }: LanesOptions): Lanes {
  const active: Record<Lane, number> = { ordinary: 0, reserved: 0 };
  const queues = { urgent: new Set<Waiter>(), ordinary: new Set<Waiter>() };
  let most = Math.max(1, limit);

  function freeLane(urgent: boolean): Lane | undefined {
    if (urgent && active.reserved < reserved) return "reserved";
    return active.ordinary < most ? "ordinary" : undefined;
  }

  function take(lane: Lane): Release {
    active[lane] += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      active[lane] -= 1;
      admitWaiters();
    };
  }

  function admitWaiters(): void {
    while (queues.urgent.size > 0 && freeLane(true)) admitFirst(queues.urgent);
    while (queues.ordinary.size > 0 && freeLane(false)) admitFirst(queues.ordinary);
  }

  return {
    get limit() {
      return most;
    },
    set limit(value) {
      most = Math.max(1, value);
      admitWaiters();
    },
    get active() {
      return active.ordinary + active.reserved;
    },
    get waiting() {
      return queues.urgent.size + queues.ordinary.size;
    },
    async acquire({ signal, urgent = false } = {}) {
      signal?.throwIfAborted();
      const lane = freeLane(urgent);
      const queue = urgent ? queues.urgent : queues.ordinary;
      if (lane && queue.size === 0) return take(lane);
      return wait(queue, () => take(freeLane(urgent) ?? "ordinary"), signal);
    },
  };
}

function admitFirst(queue: Set<Waiter>): void {
  for (const waiter of queue) return waiter.admit();
}

function wait(queue: Set<Waiter>, take: () => Release, signal?: AbortSignal): Promise<Release> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      queue.delete(waiter);
      reject(signal?.reason as Error);
    };
    const waiter: Waiter = {
      admit() {
        queue.delete(waiter);
        signal?.removeEventListener("abort", onAbort);
        resolve(take());
      },
    };
    queue.add(waiter);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
