import type { Content, FetchOptions, Replayable, Source } from "../content/store.ts";
import { hasCode, WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Location } from "../spec/reference.ts";

/** A blob that every attempt reads anew from the first of `from` that has it. Opened at the first `next()`. */
export function replayable(blob: Descriptor, from: readonly Location[], { open, task }: ReplayableOptions): Replayable {
  const call = task === undefined ? {} : { task };
  return (offset, signal) => {
    const options = { open, offset, ...call, ...(signal && { signal }) };
    return new LazyBody(() => fetchFrom(blob, from, options));
  };
}

export interface ReplayableOptions {
  readonly open: (location: Location) => Promise<Source>;
  /** What it is read for. */
  readonly task?: string | undefined;
}

interface FetchFrom extends FetchOptions {
  readonly open: (location: Location) => Promise<Source>;
}

async function fetchFrom(blob: Descriptor, from: readonly Location[], { open, ...call }: FetchFrom): Promise<Content> {
  let missing: unknown;
  for (const location of from) {
    const source = await open(location);
    try {
      return await source.fetch(blob, call);
    } catch (error) {
      if (!hasCode(error, "not_found")) throw error;
      missing = error;
    }
  }
  throw missing ?? new WaybillError("not_found", `Cannot read blob ${blob.digest}: no source is known for it`);
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
