import { Controller, follow } from "../async/on-abort.ts";
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
  /** The same for a piece that may be held in memory, as it came. The whole body is remembered, and not read again. */
  chunks(offset: number, length: number): Promise<readonly Uint8Array[]>;
  /** What the source threw last, to tell its failure from the target's. */
  readonly failure: { readonly error: unknown } | undefined;
}

/** Opens nothing until it is primed or read. */
export function sourceReader(body: Replayable, sizeBytes: number, signal?: AbortSignal): SourceReader {
  return new Reader(body, sizeBytes, signal);
}

interface Opened {
  readonly iterator: AsyncIterator<Uint8Array>;
  /** Stops the source. */
  readonly controller: AbortController;
  readonly unlink: () => void;
  /** Where the next byte comes from. */
  at: number;
  /** The chunk that is next. */
  next: Promise<Uint8Array | undefined> | undefined;
  /** A piece is being read. */
  busy: boolean;
  /** The body has ended by itself. */
  ended: boolean;
}

class Reader implements SourceReader {
  readonly #body: Replayable;
  readonly #sizeBytes: number;
  readonly #signal: AbortSignal | undefined;
  #opened: Opened | undefined;
  #whole: readonly Uint8Array[] | undefined;
  failure: { readonly error: unknown } | undefined;

  constructor(body: Replayable, sizeBytes: number, signal: AbortSignal | undefined) {
    this.#body = body;
    this.#sizeBytes = sizeBytes;
    this.#signal = signal;
  }

  async prime(offset: number): Promise<void> {
    if (this.#whole) return;
    const from = await this.#openAt(offset);
    from.next ??= this.#pull(from);
    await from.next;
  }

  async *read(offset: number, length: number): Bytes {
    const from = await this.#openAt(offset);
    const end = offset + length;
    from.busy = true;
    try {
      for (let chunk = await this.#take(from, end); chunk; chunk = await this.#take(from, end)) yield chunk;
    } finally {
      await this.#leave(from, end);
    }
  }

  async chunks(offset: number, length: number): Promise<readonly Uint8Array[]> {
    const isWhole = length === this.#sizeBytes;
    if (this.#whole) return isWhole ? this.#whole : [Buffer.concat(this.#whole).subarray(offset, offset + length)];
    const from = await this.#openAt(offset);
    const end = offset + length;
    from.busy = true;
    const chunks: Uint8Array[] = [];
    try {
      for (let chunk = await this.#take(from, end); chunk; chunk = await this.#take(from, end)) chunks.push(chunk);
    } finally {
      await this.#leave(from, end);
    }
    if (isWhole) this.#whole = chunks;
    return chunks;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close(this.#opened);
  }

  async #openAt(offset: number): Promise<Opened> {
    const before = this.#opened;
    // A piece that was abandoned in the middle may still wait for the source: it never shares it with the next.
    if (before && !before.busy && before.at === offset) return before;
    if (before) await this.#close(before);
    this.failure = undefined;
    const controller = new Controller();
    const unlink = follow(this.#signal, controller);
    const iterator = this.#body(offset, controller.signal)[Symbol.asyncIterator]();
    this.#opened = { iterator, controller, unlink, at: offset, next: undefined, busy: false, ended: false };
    return this.#opened;
  }

  /** The next chunk of a piece that ends at `end`; `undefined` once all of it was taken. What goes beyond it stays. */
  async #take(from: Opened, end: number): Promise<Uint8Array | undefined> {
    while (from.at < end) {
      const chunk = await (from.next ?? this.#pull(from));
      from.next = undefined;
      if (chunk === undefined) throw this.#blamed(from, endedEarly(this.#sizeBytes, from.at));
      const most = end - from.at;
      const isLonger = chunk.byteLength > most;
      if (isLonger) from.next = Promise.resolve(chunk.subarray(most));
      from.at += isLonger ? most : chunk.byteLength;
      if (chunk.byteLength > 0) return isLonger ? chunk.subarray(0, most) : chunk;
    }
    if (end === this.#sizeBytes) await this.#requireEnd(from);
    return undefined;
  }

  async #requireEnd(from: Opened): Promise<void> {
    for (;;) {
      const chunk = await (from.next ?? this.#pull(from));
      from.next = undefined;
      if (chunk === undefined) return;
      if (chunk.byteLength > 0) throw this.#blamed(from, tooLong(this.#sizeBytes));
    }
  }

  async #pull(from: Opened): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await from.iterator.next();
      if (done !== true) return value;
      from.ended = true;
      return undefined;
    } catch (error) {
      throw this.#blamed(from, error);
    }
  }

  /** What a source says after it was given up is no failure of its own. */
  #blamed<T>(from: Opened, error: T): T {
    if (this.#opened === from) this.failure = { error };
    return error;
  }

  /** A piece is over: the source stays open for the one behind it. */
  async #leave(from: Opened, end: number): Promise<void> {
    from.busy = false;
    if (from.at < end || end === this.#sizeBytes) await this.#close(from);
  }

  async #close(ending: Opened | undefined): Promise<void> {
    if (!ending || ending !== this.#opened) return;
    this.#opened = undefined;
    ending.unlink();
    if (!ending.ended) await giveUp(ending);
  }
}

async function giveUp({ controller, next, iterator }: Opened): Promise<void> {
  controller.abort(new WaybillError("cancelled", "Cannot read on: the source is no longer needed"));
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
