import { openScope, type Scope } from "../async/scope.ts";
import type { Bytes, Replayable } from "../content/store.ts";
import { WaybillError } from "../errors.ts";

/**
 * Reads a replayable body piece by piece with as few openings as possible: it stays open between pieces that follow each
 * other. One piece at a time. Disposing ends the source.
 */
export interface SourceReader extends AsyncDisposable {
  /** Opens the body at `offset`, unless it stands there, and waits for its first chunk: so a source that fails does so before a target's request. */
  prime(offset: number): Promise<void>;
  /** `length` bytes from `offset`. Throws where the source ends early; the piece that ends the body also waits for the source's own verdict. */
  read(offset: number, length: number): Bytes;
  /** What the source threw last, to tell its failure from the target's. */
  readonly failure: { readonly error: unknown } | undefined;
}

interface Opened {
  readonly iterator: AsyncIterator<Uint8Array>;
  readonly scope: Scope;
  /** Where the next byte comes from. */
  at: number;
  /** The chunk that is next. */
  next: Promise<Uint8Array | undefined> | undefined;
  /** A piece is being read. */
  busy: boolean;
  /** The body has ended by itself. */
  ended: boolean;
}

/** Opens nothing until it is primed or read. */
export function sourceReader(body: Replayable, sizeBytes: number, signal?: AbortSignal): SourceReader {
  let opened: Opened | undefined;
  let failure: { readonly error: unknown } | undefined;

  async function pull(from: Opened): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await from.iterator.next();
      if (done !== true) return value;
      from.ended = true;
      return undefined;
    } catch (error) {
      blame(from, error);
      throw error;
    }
  }

  /** What a source says after it was given up is no failure of its own. */
  function blame(from: Opened, error: unknown): void {
    if (opened === from) failure = { error };
  }

  /** Takes the next chunk, at most `most` bytes of it; the rest stays. */
  async function take(from: Opened, most: number): Promise<Uint8Array | undefined> {
    const chunk = await (from.next ?? pull(from));
    from.next = undefined;
    if (chunk === undefined || chunk.byteLength <= most) return chunk;
    from.next = Promise.resolve(chunk.subarray(most));
    return chunk.subarray(0, most);
  }

  async function close(ending: Opened | undefined): Promise<void> {
    if (!ending || ending !== opened) return;
    opened = undefined;
    if (!ending.ended) await giveUp(ending);
    await ending.scope[Symbol.asyncDispose]();
  }

  async function openAt(offset: number): Promise<Opened> {
    // A piece that was abandoned in the middle may still wait for the source: it never shares it with the next.
    if (opened && !opened.busy && opened.at === offset) return opened;
    await close(opened);
    failure = undefined;
    const scope = openScope({ ...(signal && { signal }) });
    const iterator = body(offset, scope.signal)[Symbol.asyncIterator]();
    opened = { iterator, scope, at: offset, next: undefined, busy: false, ended: false };
    return opened;
  }

  async function* read(offset: number, length: number): Bytes {
    const from = await openAt(offset);
    const end = offset + length;
    from.busy = true;
    let stays = false;
    try {
      while (from.at < end) {
        const chunk = await take(from, end - from.at);
        if (chunk === undefined) throw fault(from, endedEarly(sizeBytes, from.at));
        from.at += chunk.byteLength;
        if (chunk.byteLength > 0) yield chunk;
      }
      if (end === sizeBytes) await requireEnd(from);
      stays = end < sizeBytes;
    } finally {
      from.busy = false;
      if (!stays) await close(from);
    }
  }

  function fault(from: Opened, error: WaybillError): WaybillError {
    blame(from, error);
    return error;
  }

  async function requireEnd(from: Opened): Promise<void> {
    for (let chunk = await take(from, 1); chunk !== undefined; chunk = await take(from, 1)) {
      if (chunk.byteLength > 0) throw fault(from, tooLong(sizeBytes));
    }
  }

  return {
    async prime(offset) {
      const from = await openAt(offset);
      from.next ??= pull(from);
      await from.next;
    },
    read,
    get failure() {
      return failure;
    },
    [Symbol.asyncDispose]: () => close(opened),
  };
}

async function giveUp({ scope, next, iterator }: Opened): Promise<void> {
  scope.abort(new WaybillError("cancelled", "Cannot read on: the source is no longer needed"));
  await next?.catch(() => undefined);
  await iterator.return?.(undefined).then(ignore, ignore);
}

function endedEarly(wanted: number, got: number): WaybillError {
  return new WaybillError("size_mismatch", `Cannot send blob: expected ${wanted} bytes, the source ended after ${got}`);
}

function tooLong(wanted: number): WaybillError {
  return new WaybillError("size_mismatch", `Cannot send blob: expected ${wanted} bytes, the source has more`);
}

function ignore(): void {
  // The source is given up; what it says about that does not matter.
}
