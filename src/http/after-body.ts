import type { Bytes } from "../content/store.ts";
import { answerLike } from "./body.ts";
import type { HttpResponse } from "./send.ts";

/** How a body has ended. */
export interface BodyEnd {
  /** Bytes that were handed to its reader. */
  readonly bytes: number;
  /** Present where it failed. */
  readonly error?: unknown;
}

/**
 * The same response; `then` runs once, as soon as its body has ended in whatever way: read to its end, failed, left early, or
 * disposed of.
 */
export function afterBody(response: HttpResponse, then: (end: BodyEnd) => void): HttpResponse {
  const body = new EndingBody(response.body, then);
  return answerLike(response, {
    body,
    async dispose() {
      try {
        await response[Symbol.asyncDispose]();
      } finally {
        body.finish();
      }
    },
  });
}

/** The same chunks, without a promise of its own for each. */
class EndingBody implements AsyncIterableIterator<Uint8Array> {
  readonly #body: Bytes;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #then: ((end: BodyEnd) => void) | undefined;
  #seenBytes = 0;

  constructor(body: Bytes, then: (end: BodyEnd) => void) {
    this.#body = body;
    this.#then = then;
  }

  [Symbol.asyncIterator](): this {
    this.#open();
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    return this.#open().next().then(this.#passed, this.#failed);
  }

  async return(value?: unknown): Promise<IteratorResult<Uint8Array>> {
    try {
      return (await this.#chunks?.return?.(value)) ?? { done: true, value: undefined };
    } finally {
      this.finish();
    }
  }

  #open(): AsyncIterator<Uint8Array> {
    return (this.#chunks ??= this.#body[Symbol.asyncIterator]());
  }

  finish(end?: Pick<BodyEnd, "error">): void {
    const then = this.#then;
    this.#then = undefined;
    then?.({ bytes: this.#seenBytes, ...end });
  }

  readonly #passed = (result: IteratorResult<Uint8Array>) => {
    if (result.done) this.finish();
    else this.#seenBytes += result.value.byteLength;
    return result;
  };

  readonly #failed = (error: unknown) => {
    this.finish({ error });
    throw error;
  };
}
