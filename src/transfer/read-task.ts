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
    return new ToldBody(replayable(blob, from, { open, task: id })(offset, signal), () => beginTask(task, teller));
  };
}

type EndTask = ReturnType<typeof beginTask>;

/**
 * A body whose task begins with its first chunk and ends with whatever ends it. Written out rather than as a generator, whose
 * every step costs several promises.
 */
class ToldBody implements AsyncIterableIterator<Uint8Array> {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #begin: () => EndTask;
  #end: EndTask | undefined;

  constructor(body: Bytes, begin: () => EndTask) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#begin = begin;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    this.#end ??= this.#begin();
    try {
      const result = await this.#chunks.next();
      if (result.done) this.#end({});
      return result;
    } catch (error) {
      this.#end({ failure: error });
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.#chunks.return?.();
    this.#end?.({ outcome: "given-up" });
    return { done: true, value: undefined };
  }
}
