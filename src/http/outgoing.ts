import type { Bytes } from "../content/store.ts";
import { WaybillError } from "../errors.ts";

/** Where a request's body goes: a socket's or an HTTP/2 stream's buffer. */
export interface OutgoingStream {
  /** False when the buffer is full: whoever owns it calls `drained` when it is empty again. */
  write(chunk: Uint8Array): boolean;
  /** Keeps what is written together, until `uncork`. */
  cork(): void;
  uncork(): void;
  /** The last byte was written. */
  end(): unknown;
  /** Bytes taken from us that have not reached the other end of the buffer. */
  readonly writableLength: number;
}

export interface OutgoingOptions {
  readonly stream: OutgoingStream;
  readonly sizeBytes: number;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** A request's body on its way into a stream, as fast as the stream takes it. */
export class Outgoing {
  /** True once a chunk was taken from the body: it can then not be sent again as it is. */
  consumed = false;
  /** True once all bytes were handed to the stream. */
  complete = false;
  /** True once the other side is known to have all bytes, whatever the stream tells of its buffer. */
  arrived = false;
  readonly #options: OutgoingOptions;
  #written = 0;
  #reported = 0;
  #stopped = false;
  #full = false;
  #wake: (() => void) | undefined;

  constructor(options: OutgoingOptions) {
    this.#options = options;
  }

  /** Bytes of the body that have left. */
  get sent(): number {
    if (this.arrived) return this.#written;
    return Math.max(0, this.#written - this.#options.stream.writableLength);
  }

  /** True while we wait for the other side to take bytes. */
  get waiting(): boolean {
    return this.#full || (this.complete && this.#options.stream.writableLength > 0);
  }

  /** Sends a body that is here already and ends the stream. */
  sendWhole(pieces: readonly Uint8Array[]): void {
    const { stream, sizeBytes } = this.#options;
    this.consumed = true;
    this.#written = sizeBytes;
    stream.cork();
    for (const piece of pieces) stream.write(piece);
    stream.uncork();
    this.#finish();
  }

  /**
   * Sends the whole of `body` and ends the stream. Returns early when `stop` was called; the body is closed in every case.
   *
   * @throws what the body throws; WaybillError `size_mismatch` when it is longer or shorter than announced.
   */
  async pump(body: Bytes): Promise<void> {
    for await (const chunk of body) {
      this.consumed = true;
      if (this.#stopped) return;
      if (this.#written + chunk.byteLength > this.#options.sizeBytes) throw this.#mismatch("more");
      if (chunk.byteLength > 0) await this.#write(chunk);
      if (this.#stopped) return;
    }
    if (this.#stopped) return;
    if (this.#written < this.#options.sizeBytes) throw this.#mismatch(`${this.#written}`);
    this.#finish();
  }

  /** Takes no further chunk. */
  stop(): void {
    this.#stopped = true;
    this.#goOn();
  }

  /** The stream's buffer is empty again. */
  drained(): void {
    this.#goOn();
    this.report();
  }

  /** A success was answered: what was handed to the stream in full has arrived, though TLS may tell of its last bytes only later. */
  succeeded(): void {
    if (this.#written < this.#options.sizeBytes) return;
    this.arrived = true;
    if (!this.complete) this.#finish();
  }

  /** Tells the progress since the last time. */
  report(): void {
    const { onProgress } = this.#options;
    const news = this.sent - this.#reported;
    if (news <= 0 || !onProgress) return;
    this.#reported += news;
    onProgress(news);
  }

  async #write(chunk: Uint8Array): Promise<void> {
    this.#written += chunk.byteLength;
    if (this.#options.stream.write(chunk)) return;
    this.report();
    this.#full = true;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #finish(): void {
    this.complete = true;
    this.#options.stream.end();
    this.report();
  }

  #goOn(): void {
    this.#full = false;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #mismatch(seen: string): WaybillError {
    return new WaybillError(
      "size_mismatch",
      `Cannot send body: expected ${this.#options.sizeBytes} bytes, got ${seen}`,
    );
  }
}
