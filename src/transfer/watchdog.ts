import { Controller, follow } from "../async/on-abort.ts";
import type { Clock } from "../async/clock.ts";
import { withDeadline } from "../async/deadline.ts";
import { crowded } from "../async/scope.ts";
import { WaybillError } from "../errors.ts";
import type { Perform } from "./run.ts";
import type { TargetStep } from "./step.ts";

/** Longest time for one step, without the time that its content's size earns it. */
const stepMs = 15 * 60_000;
/** Longest time without one byte or one step coming to an end. */
const idleMs = 10 * 60_000;

/** Ends each step that takes longer than 15 minutes and its size at `leastBytesPerSecond` (default 128 KiB), with a `timeout`. */
export function bounded(perform: Perform, clock: Clock, leastBytesPerSecond = 128 * 1024): Perform {
  return (step, call) => {
    const limitMs = stepMs + (step.content.size / leastBytesPerSecond) * 1000;
    return withDeadline(clock, limitMs, (own) => perform(step, { ...call, signal: own }), {
      signal: call.signal,
      what: describe(step),
    });
  };
}

/** Watches a run as a whole. */
export interface Watchdog extends Disposable {
  /** `perform`, watched. */
  readonly perform: Perform;
  /** Aborts when nothing has moved for ten minutes; the reason names what was being waited for. */
  readonly signal: AbortSignal;
  /** Something moved. Cheap enough to be called for every piece of a body. */
  touch(): void;
}

/** Starts watching. `parent` aborts the watchdog's signal too. The caller disposes of it, which leaves no timer behind. */
export function watch(perform: Perform, clock: Clock, parent?: AbortSignal): Watchdog {
  const controller = new Controller();
  crowded(controller.signal);
  const waiting = new Set<TargetStep>();
  let movedAt = clock.now();
  let cancel = clock.after(idleMs, look);
  const unlink = follow(parent, controller);

  function look(): void {
    const leftMs = movedAt + idleMs - clock.now();
    if (leftMs > 0) cancel = clock.after(leftMs, look);
    else controller.abort(stalled([...waiting]));
  }

  return {
    signal: controller.signal,
    touch: () => void (movedAt = clock.now()),
    async perform(step, call) {
      waiting.add(step);
      try {
        return await perform(step, call);
      } finally {
        waiting.delete(step);
        movedAt = clock.now();
      }
    },
    [Symbol.dispose]() {
      cancel();
      unlink();
    },
  };
}

function stalled(waiting: readonly TargetStep[]): WaybillError {
  const named = waiting.slice(0, 5).map(describe).join("; ");
  const more = waiting.length > 5 ? ` and ${waiting.length - 5} more` : "";
  return new WaybillError(
    "timeout",
    `Cannot go on: nothing has moved for ${idleMs / 60_000} minutes, waiting for: ${named}${more}`,
  );
}

function describe(step: TargetStep): string {
  return step.id;
}
