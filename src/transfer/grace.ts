import { Controller, onAbort } from "../async/on-abort.ts";
import type { Clock } from "../async/clock.ts";

/** How long a tag's write that is under way may take to learn its outcome after its run was cancelled. */
const graceMs = 1_200;

/** Work that outlives the run's cancelling for a moment. */
export interface Grace extends Disposable {
  readonly signal: AbortSignal;
  /** Tells that one thing is done: where the run has been cancelled, the next one does not begin. */
  done(): void;
}

/**
 * A signal that follows `parent` a little later, for writes whose outcome must be known. The caller disposes of it, which
 * leaves no timer behind.
 *
 * @throws the parent's reason where it has aborted already: nothing is begun then.
 */
export function graceAfter(parent: AbortSignal, clock: Clock): Grace {
  parent.throwIfAborted();
  const controller = new Controller();
  const give = () => controller.abort(parent.reason);
  let cancel = () => {};
  const stay = onAbort(parent, () => void (cancel = clock.after(graceMs, give)));
  return {
    signal: controller.signal,
    done: () => parent.aborted && give(),
    [Symbol.dispose]() {
      cancel();
      stay();
    },
  };
}
