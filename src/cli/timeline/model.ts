import type { AttemptEvent } from "../../telemetry/attempt.ts";
import type { Stretch } from "../../telemetry/timing.ts";
import type { TimelineEvent } from "./collect.ts";
import { criticalChain, type Link } from "./critical.ts";
import { registryLanes } from "./registry-lanes.ts";
import { phaseLane, tasksOf } from "./tasks.ts";
import type { Throughput } from "./throughput.ts";

/** What a picture of a run shows. Times are in milliseconds since its beginning. Texts may be foreign. */
export interface Timeline {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** What was done, by target: reading, staging, tagging and so on. */
  readonly phases: Lane;
  /** What went over the wire, a lane for each registry. */
  readonly registries: readonly RegistryLane[];
  readonly critical: readonly Link[];
}

/** Bars in rows, so that none covers another. */
export interface Lane {
  readonly name: string;
  readonly rows: number;
  readonly bars: readonly Bar[];
}

export interface RegistryLane extends Lane {
  readonly attempts: number;
  readonly retries: number;
  readonly failures: number;
  readonly throughput: Throughput;
}

/** A piece of work: a phase, or all attempts that one task made at a registry. */
export interface Bar {
  readonly row: number;
  readonly from: number;
  readonly to: number;
  readonly label: string;
  /** What to tell of it, a line each. */
  readonly details: readonly string[];
  readonly kind: string;
  readonly state: "done" | "failed" | "skipped";
  readonly attempts: readonly AttemptBar[];
  /** Waits before another attempt. */
  readonly backoffs: readonly { readonly from: number; readonly to: number }[];
}

export interface AttemptBar {
  readonly from: number;
  readonly to: number;
  readonly stretches: readonly Stretch[];
  readonly details: readonly string[];
  readonly isFailed: boolean;
}

/** Makes a picture of what was told of a run. Defined for everything: what never ended lasts to the end. */
export function timelineOf(events: readonly TimelineEvent[]): Timeline {
  const attempts = events.filter((event): event is AttemptEvent => event.type === "http");
  const times = events.flatMap(timesOf);
  const startedAt = times.length === 0 ? 0 : times.reduce((a, b) => Math.min(a, b));
  const endedAt = times.length === 0 ? 0 : times.reduce((a, b) => Math.max(a, b));
  const tasks = tasksOf(events, { startedAt, endedAt });
  return {
    startedAt,
    durationMs: endedAt - startedAt,
    phases: phaseLane([...tasks.values()]),
    registries: registryLanes(attempts, tasks, startedAt),
    critical: criticalChain([...tasks.values()], endedAt - startedAt),
  };
}

function timesOf(event: TimelineEvent): readonly number[] {
  return event.type === "http" ? [event.startedAt, event.startedAt + event.durationMs] : [event.at];
}
