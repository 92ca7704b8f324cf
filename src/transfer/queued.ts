import { createLanes, type Lanes } from "../async/lanes.ts";
import { formatLocation } from "../spec/reference.ts";
import type { Perform } from "./run.ts";

/** `perform`, with at most `blobsInFlight` blobs on their way to one target at a time; the others wait in the order in which they came. */
export function queued(perform: Perform, blobsInFlight = 64): Perform {
  const queues = new Map<string, Lanes>();
  return async (step, call) => {
    if (step.kind !== "stage" || step.role !== "blob") return perform(step, call);
    const name = formatLocation(step.at);
    const queue = queues.get(name) ?? createLanes({ limit: blobsInFlight });
    queues.set(name, queue);
    const release = await queue.acquire(call);
    try {
      return await perform(step, call);
    } finally {
      release();
    }
  };
}
