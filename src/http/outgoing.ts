import type { Bytes } from "../content/store.ts";
import { WaybillError } from "../errors.ts";

/** What a stream of request bytes must be able to do: both `ClientRequest` and an HTTP/2 stream can. */
export interface OutgoingStream {
  write(chunk: Uint8Array): boolean;
  end(): unknown;
  /** Bytes taken from us that have not reached the socket's other end of the buffer. */
  readonly writableLength: number;
  on(event: "drain" | "finish", listener: () => void): unknown;
}

export interface OutgoingOptions {
  readonly stream: OutgoingStream;
  readonly body: Bytes;
  readonly sizeBytes: number;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** Pulls a request's body into a stream, as fast as the stream takes it. */
export class Outgoing {
  /** True once a chunk was taken from the body: it can then not be sent again as it is. */
  consumed = false;
  /** True once all bytes were handed to the stream. */
  complete = false;
  readonly #options: OutgoingOptions;
  #written = 0;
  #reported = 0;
  #stopped = false;
  #full = false;
  #wake: (() => void) | undefined;

  constructor(options: OutgoingOptions) {
    this.#options = options;
    options.stream.on("drain", () => this.#drained());
    options.stream.on("finish", () => this.report());
  }

  /** Bytes of the body that have left. */
  get sent(): number {
    return Math.max(0, this.#written - this.#options.stream.writableLength);
  }

  /** True while we wait for the other side to take bytes. */
  get waiting(): boolean {
    return this.#full || (this.complete && this.#options.stream.writableLength > 0);
  }

  /**
   * Sends the whole body and ends the stream. Returns early when `stop` was called; the body is closed in every case.
   *
   * @throws what the body throws; WaybillError `size_mismatch` when it is longer or shorter than announced.
   */
  async pump(): Promise<void> {
    for await (const chunk of this.#options.body) {
      this.consumed = true;
      if (this.#stopped) return;
      if (this.#written + chunk.byteLength > this.#options.sizeBytes) throw this.#mismatch("more");
      if (chunk.byteLength > 0) await this.#write(chunk);
      if (this.#stopped) return;
    }
    if (this.#stopped) return;
    if (this.#written < this.#options.sizeBytes) throw this.#mismatch(`${this.#written}`);
    this.complete = true;
    this.#options.stream.end();
  }

  /** Takes no further chunk. */
  stop(): void {
    this.#stopped = true;
    this.#drained();
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
    const goOn = this.#options.stream.write(chunk);
    if (goOn) return;
    this.report();
    this.#full = true;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.report();
  }

  #drained(): void {
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
