import type { Bytes, Content, FetchOptions, Replayable, Source } from "../content/store.ts";
import { hasCode, WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Location } from "../spec/reference.ts";

/** A blob that every attempt reads anew from the first of `from` that has it. Opened at the first `next()`. */
export function replayable(blob: Descriptor, from: readonly Location[], { open, task }: ReplayableOptions): Replayable {
  const call = task === undefined ? {} : { task };
  return (offset, signal) => lazily(() => fetchFrom(blob, from, { open, offset, ...call, ...(signal && { signal }) }));
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
