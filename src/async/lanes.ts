import { emptyLanes, stepLanes, type Lane, type LanesEvent, type Urgency } from "./lane-state.ts";
import { createQueue } from "./queue.ts";

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
  /** A slot, where there is one without waiting. */
  acquireNow(options?: Pick<AcquireOptions, "urgent">): Release | undefined;
  /** Waits for a slot. @throws the signal's reason when it aborts first; nothing is held then. */
  acquire(options?: AcquireOptions): Promise<Release>;
}

export interface LanesOptions {
  readonly limit: number;
  /** Slots beyond `limit` that only urgent work may use, so that large bodies cannot starve it; default 0. */
  readonly reserved?: number;
}

/** Makes lanes that nobody is in. */
export function createLanes(options: LanesOptions): Lanes {
  const queues = {
    urgent: createQueue<Release>(() => step({ type: "gave-up", as: "urgent" })),
    ordinary: createQueue<Release>(() => step({ type: "gave-up", as: "ordinary" })),
  };
  let state = emptyLanes(options);

  function step(event: LanesEvent): void {
    const [next, admissions] = stepLanes(state, event);
    state = next;
    for (const { as, lane } of admissions) queues[as].admit(releaseOf(lane));
  }

  function releaseOf(lane: Lane): Release {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      step({ type: "left", lane });
    };
  }

  function acquireNow({ urgent = false }: Pick<AcquireOptions, "urgent"> = {}): Release | undefined {
    const [next, [admission]] = stepLanes(state, { type: "asked", as: urgencyOf(urgent) });
    if (!admission) return undefined;
    // Nobody waits while there is room for them: who is let in by asking is the one who has asked.
    state = next;
    return releaseOf(admission.lane);
  }

  return {
    acquireNow,
    get limit() {
      return state.limit;
    },
    set limit(limit) {
      step({ type: "resized", limit });
    },
    get active() {
      return state.active.ordinary + state.active.reserved;
    },
    get waiting() {
      return state.waiting.urgent + state.waiting.ordinary;
    },
    async acquire({ signal, urgent = false } = {}) {
      signal?.throwIfAborted();
      const now = acquireNow({ urgent });
      if (now) return now;
      const as = urgencyOf(urgent);
      const turn = queues[as].wait({ signal });
      step({ type: "asked", as });
      return turn;
    },
  };
}

/** Does `work` with a slot of `lanes` held. @throws the signal's reason when it aborts before there is one; what `work` throws. */
export async function inLane<T>(lanes: Lanes, options: AcquireOptions, work: () => Promise<T>): Promise<T> {
  const release = await lanes.acquire(options);
  try {
    return await work();
  } finally {
    release();
  }
}

function urgencyOf(urgent: boolean): Urgency {
  return urgent ? "urgent" : "ordinary";
}
