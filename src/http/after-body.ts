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
  let called = false;
  const finish: Finish = (end) => {
    if (called) return;
    called = true;
    then(end);
  };
  const seen = { bytes: 0 };
  const body = {
    [Symbol.asyncIterator]: () => tell(response.body[Symbol.asyncIterator](), seen, finish),
  };
  return answerLike(response, {
    body,
    async dispose() {
      try {
        await response[Symbol.asyncDispose]();
      } finally {
        finish(seen);
      }
    },
  });
}

type Finish = (end: BodyEnd) => void;

/** The same iterator, without a promise of its own for each chunk. */
function tell(chunks: AsyncIterator<Uint8Array>, seen: { bytes: number }, finish: Finish): AsyncIterator<Uint8Array> {
  const failed = (error: unknown) => {
    finish({ ...seen, error });
    throw error;
  };
  const passed = (result: IteratorResult<Uint8Array>) => {
    if (result.done) finish(seen);
    else seen.bytes += result.value.byteLength;
    return result;
  };
  return {
    next: () => chunks.next().then(passed, failed),
    async return(value?: unknown) {
      try {
        return (await chunks.return?.(value)) ?? { done: true, value: undefined };
      } finally {
        finish(seen);
      }
    },
  };
}
