import type { Bytes } from "../content/store.ts";

/** What a stream of response bytes must be able to do: both `IncomingMessage` and an HTTP/2 stream can. */
export interface IncomingStream {
  pause(): unknown;
  resume(): unknown;
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end" | "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

export interface IncomingOptions {
  readonly stream: IncomingStream;
  /** Destroys the connection: called when the reader leaves early. */
  readonly abandon: () => void;
  /** Called once, when the last byte was read or nothing more can come. */
  readonly onEnd: (complete: boolean) => void;
  /** What the reader gets when the body ends before its end. */
  readonly describe: (error: Error) => Error;
}

interface Waiter {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/** Bytes held for a reader that is slower than the wire; beyond it the socket is paused. */
const heldBytes = 256 * 1024;
/** What is worth reading for nothing, only to keep the connection. */
const disposableBytes = 64 * 1024;

/**
 * A response's body for its single reader. Built on `data` events and a queue, because the streams' own iterator costs several
 * microseconds a chunk; chunks are handed on as they came from the socket.
 */
export class Incoming implements AsyncIterator<Uint8Array, undefined>, Bytes {
  /** Bytes that have come from the socket. */
  received = 0;
  readonly #options: IncomingOptions;
  readonly #queue: Uint8Array[] = [];
  #held = 0;
  #paused = false;
  #flowing = false;
  #taken = false;
  #ended: "no" | "complete" | { readonly error: Error } = "no";
  #waiter: Waiter | undefined;
  readonly #whenEnded: (() => void)[] = [];

  constructor(options: IncomingOptions) {
    this.#options = options;
    const { stream } = options;
    // Registered at once and for good: the stream may fail before anybody reads.
    stream.on("error", (error) => this.fail(error));
    stream.on("end", () => this.#end("complete"));
    stream.on("close", () => {
      if (this.#ended === "no") this.fail(Object.assign(new Error("the body ended early"), { code: "ECONNRESET" }));
    });
  }

  /** True while the reader waits for the wire, and not the other way round. */
  get waiting(): boolean {
    return this.#waiter !== undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    if (this.#taken) throw new TypeError("A response body can be read only once");
    this.#taken = true;
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#flow();
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#held -= chunk.byteLength;
      if (this.#paused && this.#held < heldBytes / 2) this.#resume();
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#ended === "complete") return Promise.resolve({ done: true, value: undefined });
    if (this.#ended !== "no") return Promise.reject(this.#options.describe(this.#ended.error));
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#queue.length = 0;
    if (this.#ended === "no") {
      this.fail(new Error("the reader left"));
      this.#options.abandon();
    }
    return { done: true, value: undefined };
  }

  /** Ends the body with `error`, unless it has ended. */
  fail(error: Error): void {
    this.#end({ error });
  }

  /** Reads a short unread rest so that the connection can be used again; destroys it when there is more, or none in time. */
  async dispose(giveUpAfter: (callback: () => void) => () => void): Promise<void> {
    if (this.#ended !== "no") return;
    if (this.#flowing) return void (await this.return());
    const cancel = giveUpAfter(() => void this.return());
    const ended = new Promise<void>((resolve) => this.#whenEnded.push(resolve));
    this.#taken = true;
    this.#flow(() => {
      this.#queue.length = 0;
      if (this.received > disposableBytes) void this.return();
    });
    await ended;
    cancel();
  }

  #flow(afterChunk?: () => void): void {
    if (this.#flowing) return;
    this.#flowing = true;
    this.#options.stream.on("data", (chunk) => {
      this.#take(chunk);
      afterChunk?.();
    });
  }

  #take(chunk: Uint8Array): void {
    this.received += chunk.byteLength;
    if (this.#ended !== "no") return;
    const waiter = this.#waiter;
    if (waiter) {
      this.#waiter = undefined;
      return waiter.resolve({ done: false, value: chunk });
    }
    this.#queue.push(chunk);
    this.#held += chunk.byteLength;
    if (this.#held >= heldBytes && !this.#paused) {
      this.#paused = true;
      this.#options.stream.pause();
    }
  }

  #resume(): void {
    this.#paused = false;
    this.#options.stream.resume();
  }

  #end(how: "complete" | { readonly error: Error }): void {
    if (this.#ended !== "no") return;
    this.#ended = how;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (how === "complete") waiter?.resolve({ done: true, value: undefined });
    else waiter?.reject(this.#options.describe(how.error));
    this.#options.onEnd(how === "complete");
    for (const tell of this.#whenEnded.splice(0)) tell();
  }
}
