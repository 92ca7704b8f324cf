import type { Clock } from "../async/clock.ts";
import { onAbort } from "../async/on-abort.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { ReadBudget } from "./read-budget.ts";
import { SharedRead, type Patience, type Reader, type SeatState, type Table } from "./shared-read.ts";
import type { Bytes, Replayable } from "./store.ts";
import { verified } from "./verify.ts";

/** The place of one who may come to read. */
export interface Seat {
  /** The content, shared with the other seats as long as they keep pace, verified like a read of its own. */
  readonly body: Replayable;
  /** Says that this seat will not ask again; nothing is kept for it any longer. Safe to call twice. */
  leave(): void;
}

/** One read of a blob for several readers. Disposing waits until nothing of it is open; the seats must have left. */
export interface FanOut extends AsyncDisposable {
  /** All seats must be taken before the first one reads. */
  seat(patience?: Patience): Seat;
}

export interface FanOutOptions {
  readonly budget: ReadBudget;
  readonly clock: Clock;
  /** How many bytes the fastest reader may be ahead of the slowest; default 4 MiB. A blob up to this size is kept for those who have not come yet. */
  readonly windowBytes?: number;
}

/**
 * Hands one read of `source` to several readers, with a bounded buffer between. The fastest sets the pace; one that is more
 * than the window behind, and has used up its patience, goes on by a read of its own from where it stands. A reader that
 * fails or stops does not disturb the others; a source that fails fails each of them, and each may start anew.
 */
export function fanOut(
  blob: Pick<Descriptor, "digest" | "size">,
  source: Replayable,
  { budget, clock, windowBytes = 4 * 1024 * 1024 }: FanOutOptions,
): FanOut {
  const closing = new Set<Promise<void>>();
  const table: Table = { blob, source, budget, clock, windowBytes, seats: new Set(), closing, current: undefined };
  return {
    seat: (patience = { leftMs: 0 }) => takeSeat(table, patience),
    async [Symbol.asyncDispose]() {
      while (closing.size > 0) await Promise.allSettled(closing);
    },
  };
}

function takeSeat(table: Table, patience: Patience): Seat {
  const seat: SeatState = { patience, at: "absent", isAlone: false };
  table.seats.add(seat);
  return {
    body: (offset, signal) => lazily(() => begin(table, seat, { offset, signal })),
    leave() {
      seat.at = "left";
      table.seats.delete(seat);
      table.current?.refresh();
    },
  };
}

interface From {
  readonly offset: number;
  readonly signal?: AbortSignal;
}

/** Joins the read under way, begins one that others can join, or reads alone. */
function begin(table: Table, seat: SeatState, { offset, signal }: From): AsyncIterator<Uint8Array> {
  const isFirstVisit = seat.at === "absent";
  if (isFirstVisit) seat.at = "came";
  const read = seat.isAlone ? undefined : joinable(table, seat, offset);
  if (!read) {
    if (isFirstVisit) table.current?.refresh();
    return table.source(offset, signal)[Symbol.asyncIterator]();
  }
  return sharedIterator(table, read, read.join(seat, offset), signal);
}

function joinable(table: Table, seat: SeatState, offset: number): SharedRead | undefined {
  if (table.current) return table.current.accepts(offset) ? table.current : undefined;
  const hasCompany = [...table.seats].some((other) => other !== seat && !other.isAlone);
  if (offset > 0 || !hasCompany) return undefined;
  table.current = new SharedRead(table);
  return table.current;
}

function sharedIterator(
  table: Table,
  read: SharedRead,
  reader: Reader,
  signal: AbortSignal | undefined,
): AsyncIterator<Uint8Array> {
  let alone: AsyncIterator<Uint8Array> | undefined;
  const stay = onAbort(signal, () => void read.leave(reader));
  const end = async () => {
    stay();
    await read.leave(reader);
  };
  const nextShared = async (): Promise<IteratorResult<Uint8Array> | undefined> => {
    for (;;) {
      signal?.throwIfAborted();
      if (reader.fellBehind) return undefined;
      if (!read.has(reader)) return { done: true, value: undefined };
      const taken = read.take(reader);
      if (taken) return { done: false, value: taken };
      if (read.isOver) return { done: true, value: undefined };
      await read.change();
    }
  };
  return {
    async next() {
      try {
        const result = alone ? undefined : await nextShared();
        if (result && !result.done) return result;
        if (result) return await end().then(() => result);
        alone ??= goOn(table, reader, signal)[Symbol.asyncIterator]();
        return await alone.next();
      } catch (error) {
        await end();
        throw error;
      }
    },
    async return() {
      await end();
      await alone?.return?.();
      return { done: true, value: undefined };
    },
  };
}

/** The rest for one that fell behind, by a read of its own: its hash goes over what it got before as well. */
function goOn({ blob, source }: Table, { at, fellBehind }: Reader, signal: AbortSignal | undefined): Bytes {
  const before = fellBehind && { hash: fellBehind, sizeBytes: at };
  return verified(blob, source(at, signal), before);
}

/** Nothing begins before the first `next()`, and nothing after the end. */
function lazily(open: () => AsyncIterator<Uint8Array>): Bytes {
  return new LazyChunks(open);
}

class LazyChunks implements AsyncIterableIterator<Uint8Array> {
  readonly #open: () => AsyncIterator<Uint8Array>;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #isOver = false;

  constructor(open: () => AsyncIterator<Uint8Array>) {
    this.#open = open;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#isOver) return { done: true, value: undefined };
    this.#chunks ??= this.#open();
    return this.#chunks.next();
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#isOver = true;
    await this.#chunks?.return?.();
    return { done: true, value: undefined };
  }
}
