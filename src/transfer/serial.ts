import { grouped } from "../async/grouped.ts";
import { formatLocation } from "../spec/reference.ts";
import type { Plan, Step } from "./step.ts";

/**
 * The same plan, one step at a time: one target after the other, one blob after the other. From barrier to barrier, targets come
 * in the plan's order, each to its end. Only the order is tightened; what a failure means for other targets, and what a barrier
 * waits for, stays as it was.
 */
export function inSeries(plan: Plan): Plan {
  let last: string | undefined;
  const steps = betweenBarriers(plan.steps).flatMap(byTarget);
  return {
    steps: steps.map((step) => {
      if (step.kind === "barrier") return step;
      const behind = last;
      last = step.id;
      return behind === undefined ? step : { ...step, behind };
    }),
  };
}

/** The steps in parts: each ends with a barrier, or with the plan. */
function betweenBarriers(steps: readonly Step[]): readonly (readonly Step[])[] {
  const parts: Step[][] = [[]];
  for (const step of steps) {
    parts.at(-1)?.push(step);
    if (step.kind === "barrier") parts.push([]);
  }
  return parts;
}

/** The same steps, those of one target together. A step waits for earlier ones of its own target and for barriers, for nothing else. */
function byTarget(part: readonly Step[]): readonly Step[] {
  const groups = grouped(part, (step) => (step.kind === "barrier" ? step.id : formatLocation(step.at)));
  return [...groups.values()].flat();
}
