import { finestOf, type Clock } from "../async/clock.ts";
import type { Bytes, Replayable, Source } from "../content/store.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Location } from "../spec/reference.ts";
import { silent, type Report } from "../telemetry/events.ts";
import { beginTask, type Task } from "../telemetry/task.ts";
import { replayable } from "./body.ts";

export interface ReadTaskOptions {
  readonly open: (location: Location) => Promise<Source>;
  readonly clock: Clock;
  readonly report?: Report;
}

/** A blob that is read for several targets at once: each time that it is opened is a task of its own. */
export function readTask(
  blob: Descriptor,
  from: readonly Location[],
  { open, clock, report = silent }: ReadTaskOptions,
): Replayable {
  const { digest, mediaType, size: sizeBytes } = blob;
  const teller = { report, now: finestOf(clock) };
  let times = 0;
  return (offset, signal) => {
    const id = `read ${digest}${++times > 1 ? ` ${times}` : ""}`;
    const task: Task = { id, phase: "read", part: "blob", digest, mediaType, sizeBytes };
    return told(replayable(blob, from, { open, task: id })(offset, signal), () => beginTask(task, teller));
  };
}

/** `body`, begun with its first chunk and ended with whatever ends it. */
function told(body: Bytes, begin: () => ReturnType<typeof beginTask>): Bytes {
  return {
    [Symbol.asyncIterator]() {
      const chunks = body[Symbol.asyncIterator]();
      let end: ReturnType<typeof beginTask> | undefined;
      return {
        async next() {
          end ??= begin();
          try {
            const result = await chunks.next();
            if (result.done) end({});
            return result;
          } catch (error) {
            end({ failure: error });
            throw error;
          }
        },
        async return() {
          await chunks.return?.();
          end?.({ outcome: "given-up" });
          return { done: true, value: undefined };
        },
      };
    },
  };
}
