/** Text up to a marker, and where the bytes behind the marker begin. */
export interface Collected {
  readonly text: string;
  readonly end: number;
}

/** What is collected. */
export interface Wanted {
  readonly marker: Buffer;
  /** Most bytes before the marker. */
  readonly maxBytes: number;
}

/** Collects text that ends with a marker from the pieces in which it comes. Each byte is looked at once, and copied once at most. */
export class TextCollector {
  #started: Buffer | undefined;
  #length = 0;

  /** What has come of the text whose end has not, as far as `mostBytes` of it. */
  start(mostBytes: number): string {
    return this.#started?.toString("latin1", 0, Math.min(this.#length, mostBytes)) ?? "";
  }

  /**
   * Reads `chunk` from `at` on: latin-1 text once its marker has come, `undefined` until then, in which case all of `chunk` is taken.
   *
   * @throws RangeError when there is no marker where it must be at the latest.
   */
  take(chunk: Buffer, at: number, wanted: Wanted): Collected | undefined {
    return this.#started ? this.#goOn(this.#started, chunk, at, wanted) : this.#begin(chunk, at, wanted);
  }

  #begin(chunk: Buffer, at: number, { marker, maxBytes }: Wanted): Collected | undefined {
    const found = chunk.indexOf(marker, at);
    const length = (found < 0 ? chunk.byteLength - marker.byteLength : found) - at;
    if (length > maxBytes) throw new RangeError(`More than ${maxBytes} bytes`);
    if (found >= 0) return { text: chunk.toString("latin1", at, found), end: found + marker.byteLength };
    this.#started = Buffer.allocUnsafe(maxBytes + marker.byteLength);
    this.#length = chunk.copy(this.#started, 0, at);
    return undefined;
  }

  #goOn(started: Buffer, chunk: Buffer, at: number, { marker, maxBytes }: Wanted): Collected | undefined {
    const before = this.#length;
    this.#length += chunk.copy(started, before, at);
    const found = started.subarray(0, this.#length).indexOf(marker, Math.max(0, before - marker.byteLength + 1));
    if (found < 0 && this.#length === started.byteLength) throw new RangeError(`More than ${maxBytes} bytes`);
    if (found < 0) return undefined;
    this.#started = undefined;
    return { text: started.toString("latin1", 0, found), end: at + found + marker.byteLength - before };
  }
}
