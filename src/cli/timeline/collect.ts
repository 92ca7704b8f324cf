import type { AttemptEvent } from "../../telemetry/attempt.ts";
import type { EventOf, Report, WaybillEvent } from "../../telemetry/events.ts";
import type { TaskEvent } from "../../telemetry/task.ts";

/** What a timeline is made of: plain data, as it was told. */
export type TimelineEvent = AttemptEvent | TaskEvent | EventOf<"retry">;

/** Keeps what happens during a run, for a picture of it. */
export interface Collector {
  readonly report: Report;
  readonly events: readonly TimelineEvent[];
  /** How many there was no room for. */
  readonly dropped: number;
}

/** A publish of a thousand blobs to four registries has about so many. */
const mostEvents = 40_000;

/** Empty. What comes when it is full is counted and dropped. */
export function createCollector(most = mostEvents): Collector {
  const events: TimelineEvent[] = [];
  let dropped = 0;
  return {
    report(event) {
      if (!isKept(event)) return;
      if (events.length < most) events.push(event);
      else dropped++;
    },
    events,
    get dropped() {
      return dropped;
    },
  };
}

function isKept(event: WaybillEvent): event is TimelineEvent {
  return event.type === "http" || event.type === "retry" || event.type === "task-started" || event.type === "task-done";
}
