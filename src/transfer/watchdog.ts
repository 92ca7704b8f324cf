import { Controller, follow } from "../async/on-abort.ts";
import type { Clock } from "../async/clock.ts";
import { crowded } from "../async/scope.ts";
import { WaybillError } from "../errors.ts";
import type { Perform, StepCall } from "./run.ts";
import type { TargetStep } from "./step.ts";

/** Longest time for one step, without the time that its content's size earns it. */
const stepMs = 15 * 60_000;
/** Longest time without one byte or one step coming to an end. */
const idleMs = 10 * 60_000;

export interface WatchOptions {
  readonly clock: Clock;
  /** Aborts the watchdog's signal too. */
  readonly signal?: AbortSignal;
  /** How slow a step may be; default 128 KiB/s. */
  readonly leastBytesPerSecond?: number;
}

/** Watches a run, step by step and as a whole. One timer serves for all. */
export interface Watchdog extends Disposable {
  /** `perform`, watched: a step that takes longer than 15 minutes and its size at the least rate is given up with a `timeout`. */
  watched(perform: Perform): Perform;
  /** Aborts when nothing has moved for ten minutes; the reason names what was being waited for. */
  readonly signal: AbortSignal;
  /** Something moved. Cheap enough to be called for every piece of a body. */
  touch(): void;
}

/** A step under way, and when it must be over. */
interface Watched {
  readonly limitMs: number;
  endsAt: number;
  readonly giveUp: StepCall["giveUp"];
}

/** Starts watching. The caller disposes of it, which leaves no timer behind. */
export function watch({ clock, signal, leastBytesPerSecond = 128 * 1024 }: WatchOptions): Watchdog {
  const controller = new Controller();
  crowded(controller.signal);
  const running = new Map<TargetStep, Watched>();
  let movedAt = clock.now();
  let wakesAt = Number.POSITIVE_INFINITY;
  let cancel = () => {};
  const unlink = follow(signal, controller);
  wakeAt(movedAt + idleMs);

  /** At the latest. */
  function wakeAt(at: number): void {
    if (at >= wakesAt) return;
    cancel();
    wakesAt = at;
    cancel = clock.after(at - clock.now(), look);
  }

  function look(): void {
    wakesAt = Number.POSITIVE_INFINITY;
    const now = clock.now();
    if (now >= movedAt + idleMs) return controller.abort(stalled([...running.keys()]));
    wakeAt(movedAt + idleMs);
    for (const [step, watched] of running) {
      if (now < watched.endsAt) wakeAt(watched.endsAt);
      else expire(step, watched);
    }
  }

  return {
    signal: controller.signal,
    touch: () => void (movedAt = clock.now()),
    watched: (perform) => async (step, call) => {
      const limitMs = stepMs + (step.content.size / leastBytesPerSecond) * 1000;
      const endsAt = clock.now() + limitMs;
      running.set(step, { limitMs, endsAt, giveUp: call.giveUp });
      wakeAt(endsAt);
      try {
        return await perform(step, call);
      } finally {
        running.delete(step);
        movedAt = clock.now();
      }
    },
    [Symbol.dispose]() {
      cancel();
      unlink();
    },
  };
}

/** Gives a step up, once. It stays under way until its last request has ended. */
function expire(step: TargetStep, watched: Watched): void {
  watched.endsAt = Number.POSITIVE_INFINITY;
  const seconds = Math.round(watched.limitMs / 1000);
  watched.giveUp?.(new WaybillError("timeout", `Cannot finish ${step.id}: it was not done after ${seconds} s`));
}

function stalled(waiting: readonly TargetStep[]): WaybillError {
  const named = waiting
    .slice(0, 5)
    .map(({ id }) => id)
    .join("; ");
  const more = waiting.length > 5 ? ` and ${waiting.length - 5} more` : "";
  return new WaybillError(
    "timeout",
    `Cannot go on: nothing has moved for ${idleMs / 60_000} minutes, waiting for: ${named}${more}`,
  );
}
