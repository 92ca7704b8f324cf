import type { HttpResponse } from "./send.ts";

/**
 * The same response; `then` runs once, as soon as its body has ended in whatever way: read to its end, failed, left early, or
 * disposed of. A response that cannot have a body counts as ended at once.
 */
export function afterBody(response: HttpResponse, then: () => void): HttpResponse {
  let called = false;
  const finish = () => {
    if (called) return;
    called = true;
    then();
  };
  if (response.status === 204 || response.status === 304 || response.headers.get("content-length") === "0") finish();
  const body = {
    [Symbol.asyncIterator]: () => tell(response.body[Symbol.asyncIterator](), finish),
  };
  return {
    status: response.status,
    headers: response.headers,
    url: response.url,
    body,
    ...(response.protocol === undefined ? {} : { protocol: response.protocol }),
    async [Symbol.asyncDispose]() {
      try {
        await response[Symbol.asyncDispose]();
      } finally {
        finish();
      }
    },
  };
}

/** The same iterator, without a promise of its own for each chunk. */
function tell(chunks: AsyncIterator<Uint8Array>, finish: () => void): AsyncIterator<Uint8Array> {
  const failed = (error: unknown) => {
    finish();
    throw error;
  };
  const passed = (result: IteratorResult<Uint8Array>) => {
    if (result.done) finish();
    return result;
  };
  return {
    next: () => chunks.next().then(passed, failed),
    async return(value?: unknown) {
      try {
        return (await chunks.return?.(value)) ?? { done: true, value: undefined };
      } finally {
        finish();
      }
    },
  };
}
