import type { Bytes, Content, Replayable, Source } from "../content/store.ts";
import { hasCode, WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Location } from "../spec/reference.ts";

/** A blob that every attempt reads anew from the first of `from` that has it. Opened at the first `next()`. */
export function replayable(
  blob: Descriptor,
  from: readonly Location[],
  open: (location: Location) => Promise<Source>,
): Replayable {
  return (offset, signal) => lazily(() => fetchFrom(blob, from, { open, offset, ...(signal && { signal }) }));
}

interface FetchFrom {
  readonly open: (location: Location) => Promise<Source>;
  readonly offset: number;
  readonly signal?: AbortSignal;
}

async function fetchFrom(blob: Descriptor, from: readonly Location[], options: FetchFrom): Promise<Content> {
  let missing: unknown;
  for (const location of from) {
    const source = await options.open(location);
    try {
      return await source.fetch(blob, { offset: options.offset, ...(options.signal && { signal: options.signal }) });
    } catch (error) {
      if (!hasCode(error, "not_found")) throw error;
      missing = error;
    }
  }
  throw missing ?? new WaybillError("not_found", `Cannot read blob ${blob.digest}: no source is known for it`);
}

/** A body whose content is opened by its first reader and disposed of when the reader stops. Hands chunks on untouched. */
function lazily(open: () => Promise<Content>): Bytes {
  return {
    [Symbol.asyncIterator]() {
      let content: Content | undefined;
      let chunks: AsyncIterator<Uint8Array> | undefined;
      const close = async () => {
        const opened = content;
        content = undefined;
        await opened?.[Symbol.asyncDispose]();
      };
      return {
        async next() {
          if (!chunks) {
            content = await open();
            chunks = content.body[Symbol.asyncIterator]();
          }
          const result = await chunks.next();
          if (result.done) await close();
          return result;
        },
        async return() {
          await chunks?.return?.();
          await close();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
