import type { Content, Replayable, Source } from "../content/store.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Location } from "../spec/reference.ts";
import { fromFirst } from "./place.ts";

/** A blob that every attempt reads anew from the first of `from` that has it. Opened at the first `next()`. */
export function replayable(blob: Descriptor, from: readonly Location[], { open, task }: ReplayableOptions): Replayable {
  return (offset, signal) => {
    const call = { offset, ...(task !== undefined && { task }), signal };
    return new LazyBody(() =>
      fromFirst(from, (source) => source.fetch(blob, call), { open, what: `blob ${blob.digest}` }),
    );
  };
}

export interface ReplayableOptions {
  readonly open: (location: Location) => Promise<Source>;
  /** What it is read for. */
  readonly task?: string | undefined;
}

/**
 * A body whose content is opened by its first reader and disposed of when the reader stops. Hands chunks on untouched. Written
 * out rather than as a generator, whose every step costs several promises.
 */
class LazyBody implements AsyncIterableIterator<Uint8Array> {
  readonly #open: () => Promise<Content>;
  #content: Content | undefined;
  #chunks: AsyncIterator<Uint8Array> | undefined;

  constructor(open: () => Promise<Content>) {
    this.#open = open;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#chunks) {
      this.#content = await this.#open();
      this.#chunks = this.#content.body[Symbol.asyncIterator]();
    }
    const result = await this.#chunks.next();
    if (result.done) await this.#close();
    return result;
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.#chunks?.return?.();
    await this.#close();
    return { done: true, value: undefined };
  }

  async #close(): Promise<void> {
    const content = this.#content;
    this.#content = undefined;
    await content?.[Symbol.asyncDispose]();
  }
}
