import { createLanes, type Lanes } from "../async/lanes.ts";
import { busyLoad, type OwnLoad } from "../async/own-load.ts";
import { formatLocation } from "../spec/reference.ts";
import type { Perform } from "./run.ts";

export interface QueueOptions {
  /** Most blobs on their way to one target at a time; default 64. */
  readonly blobsInFlight?: number;
  /** How busy we are ourselves, from 0 to 1; default not at all. */
  readonly ownLoad?: OwnLoad;
}

/** So many at a time keep a registry busy that is near: more would only wait for us, in memory. */
const whileBusy = 32;

/**
 * `perform`, with a limited number of blobs on their way to one target at a time; the others wait in the order in which they came.
 * No more than 32 where we are what they wait for ourselves.
 */
export function queued(perform: Perform, { blobsInFlight = 64, ownLoad = () => 0 }: QueueOptions = {}): Perform {
  const queues = new Map<string, Lanes>();
  const limitNow = () => (ownLoad() > busyLoad ? Math.min(whileBusy, blobsInFlight) : blobsInFlight);
  return async (step, call) => {
    if (step.kind !== "stage" || step.role !== "blob") return perform(step, call);
    const name = formatLocation(step.at);
    const queue = queues.get(name) ?? createLanes({ limit: limitNow() });
    queues.set(name, queue);
    const release = await queue.acquire(call);
    try {
      return await perform(step, call);
    } finally {
      const limit = limitNow();
      if (limit !== queue.limit) queue.limit = limit;
      release();
    }
  };
}
