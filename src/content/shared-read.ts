import { Controller } from "../async/on-abort.ts";
import type { Hash } from "node:crypto";
import type { Clock } from "../async/clock.ts";
import { WaybillError } from "../errors.ts";
import { hashFor } from "../spec/digest.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { ReadBudget } from "./read-budget.ts";
import type { Replayable } from "./store.ts";

/** How long faster readers may still wait for a slow one, in milliseconds; shared by all reads of one target. */
export interface Patience {
  leftMs: number;
  /** Until when waiting has been taken off, so that reads which wait at the same time count once. */
  chargedUntil?: number;
}

/** Who is expected, and who is known to read alone. */
export interface SeatState {
  readonly patience: Patience;
  at: "absent" | "came" | "left";
  /** It fell behind: what it reads from now on it reads alone. */
  isAlone: boolean;
}

/** What one blob's shared read and its seats know of each other. */
export interface Table {
  readonly blob: Pick<Descriptor, "digest" | "size">;
  readonly source: Replayable;
  readonly budget: ReadBudget;
  readonly clock: Clock;
  readonly windowBytes: number;
  readonly seats: Set<SeatState>;
  readonly closing: Set<Promise<void>>;
  /** The read that others can join. */
  current: SharedRead | undefined;
}

/** One who takes chunks from a shared read. */
export interface Reader {
  readonly seat: SeatState;
  /** Its next byte. */
  at: number;
  /** Set when it has been left behind: the hash of everything before `at`. */
  fellBehind: Hash | undefined;
}

interface Held {
  readonly start: number;
  readonly chunk: Uint8Array;
  /** In the budget. A chunk for the only reader is not held for anybody. */
  readonly isCounted: boolean;
}

/** A seat or a reader that must be waited for, or left behind. */
interface Laggard {
  readonly seat: SeatState;
  readonly reader: Reader | undefined;
}

/** One read from the first byte on, and what of it is held for readers that are behind. Pulls only when a reader asks. */
export class SharedRead {
  readonly #table: Table;
  readonly #readers = new Set<Reader>();
  readonly #held: Held[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #controller = new Controller();
  readonly #retire: () => void;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #pulling: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  /** Where the next chunk will begin. */
  #to = 0;
  /** Of everything before the first held byte. */
  #hash: Hash;
  /** Only one reader needs what is to come, and nobody can join any more. */
  #isAlone = false;
  /** The budget is short: nothing is kept longer than its readers need. */
  #isPressed = false;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(table: Table) {
    this.#table = table;
    this.#hash = hashFor(table.blob.digest);
    this.#retire = table.budget.admit({ yieldUp: () => this.#yieldUp() });
  }

  /** The source has ended and was right. Throws what it threw. */
  get isOver(): boolean {
    if (this.#failure) throw this.#failure.error;
    return this.#ended;
  }

  accepts(offset: number): boolean {
    const isOpen = !this.#isAlone && !this.#closed && !this.#failure;
    return isOpen && this.#base <= offset && offset <= this.#to;
  }

  join(seat: SeatState, at: number): Reader {
    const reader: Reader = { seat, at, fellBehind: undefined };
    this.#readers.add(reader);
    return reader;
  }

  has(reader: Reader): boolean {
    return this.#readers.has(reader);
  }

  /** The next chunk of `reader`, where one is held; otherwise one is on its way. */
  take(reader: Reader): Uint8Array | undefined {
    const held = this.#held.find(({ start, chunk }) => reader.at < start + chunk.byteLength);
    if (!held) {
      this.#pull();
      return undefined;
    }
    const rest = held.chunk.subarray(reader.at - held.start);
    reader.at += rest.byteLength;
    this.refresh();
    return rest;
  }

  /** Resolves when something has changed that a waiting reader may want to know. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** `reader` takes nothing more. Resolves when the source is closed, where nobody else needs it. */
  async leave(reader: Reader): Promise<void> {
    this.#readers.delete(reader);
    this.refresh();
    await this.#closed;
  }

  /** Lets go of what nobody needs, and tells all who wait. */
  refresh(): void {
    if (this.#readers.size === 0 && !this.#isKeptForAbsent) this.#close();
    this.#drop();
    if (this.#readers.size === 0 && !this.#closed) this.#pull();
    this.#wakeUp();
  }

  get #base(): number {
    return this.#held[0]?.start ?? this.#to;
  }

  get #isSmall(): boolean {
    return this.#table.blob.size <= this.#table.windowBytes;
  }

  get #absent(): readonly SeatState[] {
    if (this.#table.current !== this || this.#base > 0 || this.#isAlone) return [];
    return [...this.#table.seats].filter((seat) => seat.at === "absent" && !seat.isAlone);
  }

  /** A small blob is read to its end for those who will come. */
  get #isKeptForAbsent(): boolean {
    return this.#isSmall && !this.#isPressed && !this.#failure && this.#absent.length > 0;
  }

  #pull(): void {
    if (this.#pulling || this.#ended || this.#failure || this.#closed) return;
    const pulling = this.#pullOne().finally(() => {
      this.#pulling = undefined;
      this.refresh();
    });
    this.#pulling = pulling;
  }

  /** Never rejects. */
  async #pullOne(): Promise<void> {
    try {
      this.#chunks ??= this.#table.source(0, this.#controller.signal)[Symbol.asyncIterator]();
      const { done, value } = await this.#chunks.next();
      if (done) this.#ended = true;
      else if (value.byteLength > 0) await this.#hold(value);
    } catch (error) {
      this.#failure = { error };
      this.#forget();
    }
  }

  /** Keeps `chunk` once there is room, leaving behind whoever makes none in time. */
  async #hold(chunk: Uint8Array): Promise<void> {
    const bytes = chunk.byteLength;
    while (!this.#closed) {
      const laggard = this.#laggard();
      if (!laggard && this.#readers.size > 0) {
        this.#isAlone = true;
        return this.#append(chunk, false);
      }
      const isInWindow = this.#to + bytes - this.#base <= this.#table.windowBytes;
      if (isInWindow && this.#table.budget.take(bytes)) return this.#append(chunk, true);
      if (this.#readers.size === 0) return this.#close();
      const slow = this.#laggard();
      if (slow && !(await this.#waitFor(slow))) this.#leaveBehind(slow);
    }
  }

  #append(chunk: Uint8Array, isCounted: boolean): void {
    this.#held.push({ start: this.#to, chunk, isCounted });
    this.#to += chunk.byteLength;
  }

  /** Who is furthest behind, if there is anybody beside the one that sets the pace. */
  #laggard(): Laggard | undefined {
    const seat = this.#absent[0];
    if (seat) return { seat, reader: undefined };
    if (this.#readers.size < 2) return undefined;
    const reader = [...this.#readers].reduce((slowest, one) => (one.at < slowest.at ? one : slowest));
    return { seat: reader.seat, reader };
  }

  /** Waits for something to change, as long as the patience with `seat` lasts; false when there is none left. */
  async #waitFor({ seat: { patience } }: Laggard): Promise<boolean> {
    if (patience.leftMs <= 0) return false;
    const { clock, budget } = this.#table;
    const from = clock.now();
    const cancel = clock.after(patience.leftMs, () => this.#wakeUp());
    const ignore = budget.onGiven(() => this.#wakeUp());
    await this.change();
    cancel();
    ignore();
    const now = clock.now();
    patience.leftMs -= Math.max(0, now - Math.max(from, patience.chargedUntil ?? 0));
    patience.chargedUntil = now;
    return true;
  }

  #wakeUp(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  #leaveBehind({ seat, reader }: Laggard): void {
    seat.isAlone = true;
    if (reader) {
      reader.fellBehind = this.#hashUpTo(reader.at);
      this.#readers.delete(reader);
    }
    this.refresh();
  }

  #hashUpTo(at: number): Hash {
    const hash = this.#hash.copy();
    for (const { start, chunk } of this.#held) hash.update(chunk.subarray(0, Math.max(0, at - start)));
    return hash;
  }

  #yieldUp(): void {
    this.#isPressed = true;
    this.refresh();
  }

  /** Drops chunks that every reader has taken; those of a small blob only at its end, for readers that come or begin again. */
  #drop(): void {
    if (this.#isSmall && !this.#isPressed && !this.#isOverForAll) return;
    const least = Math.min(this.#to, ...[...this.#readers].map((reader) => reader.at));
    if (!this.#isPressed && this.#absent.length > 0) return;
    while (this.#held[0] && this.#held[0].start + this.#held[0].chunk.byteLength <= least) {
      const { chunk, isCounted } = this.#held.shift() as Held;
      if (!this.#ended && !this.#isAlone) this.#hash.update(chunk);
      if (isCounted) this.#table.budget.give(chunk.byteLength);
    }
  }

  get #isOverForAll(): boolean {
    return this.#closed !== undefined || this.#isAlone;
  }

  #forget(): void {
    if (this.#table.current === this) this.#table.current = undefined;
  }

  #close(): void {
    if (this.#closed) return;
    this.#forget();
    this.#retire();
    const { closing } = this.#table;
    const closed = this.#end().finally(() => closing.delete(closed));
    this.#closed = closed;
    closing.add(closed);
    this.#drop();
  }

  async #end(): Promise<void> {
    if (!this.#ended)
      this.#controller.abort(new WaybillError("cancelled", "Cannot read on: nobody needs the source any longer"));
    await Promise.resolve();
    this.refresh();
    await this.#pulling;
    await this.#chunks?.return?.().then(ignore, ignore);
    this.#drop();
  }
}

function ignore(): void {
  // The source is given up; what it says about that does not matter.
}
