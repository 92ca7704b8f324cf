import { performance } from "node:perf_hooks";
import type { Clock } from "./clock.ts";

/** How much of the last moments this process was busy itself, from 0 to 1. */
export type OwnLoad = () => number;

/** Busier than this, we are what others wait for. */
export const busyLoad = 0.7;

const samplePeriodMs = 50;

/** The event loop's load, measured anew when asked after 50 ms. */
export function eventLoopLoad(clock: Pick<Clock, "now">): OwnLoad {
  let since = performance.eventLoopUtilization();
  let sampledAt = clock.now();
  let load = 0;
  return () => {
    if (clock.now() - sampledAt < samplePeriodMs) return load;
    const now = performance.eventLoopUtilization();
    load = performance.eventLoopUtilization(now, since).utilization;
    since = now;
    sampledAt = clock.now();
    return load;
  };
}
