import type { Bytes } from "../content/store.ts";

export interface IncomingOptions {
  /** Stops and continues the wire, so that it does not run ahead of the reader. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Destroys the connection: called when the reader leaves early. */
  readonly abandon: () => void;
  /** Called once, when the last byte has come or nothing more can come. */
  readonly onEnd: (complete: boolean) => void;
  /** What the reader gets when the body ends before its end. */
  readonly describe: (error: Error) => unknown;
}

interface Waiter {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** Bytes held for a reader that is slower than the wire; beyond it the wire is stopped. */
const heldBytes = 256 * 1024;
/** What is worth reading for nothing, only to keep the connection. */
const disposableBytes = 64 * 1024;

/** A response's body between the wire, which pushes into it, and its single reader. Chunks are handed on as they came. */
export class Incoming implements AsyncIterator<Uint8Array, undefined>, Bytes {
  /** Bytes that have come from the wire. */
  received = 0;
  readonly #options: IncomingOptions;
  readonly #queue: Uint8Array[] = [];
  #held = 0;
  #paused = false;
  #begun = false;
  #taken = false;
  /** Nobody reads: what comes is only counted. */
  #dropping = false;
  #ended: "no" | "complete" | { readonly error: Error } = "no";
  #waiter: Waiter | undefined;
  #tellEnded: (() => void) | undefined;
  #disposing: Promise<void> | undefined;

  constructor(options: IncomingOptions) {
    this.#options = options;
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
    this.#begun = true;
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

  /** A piece of the body has come. */
  push(chunk: Uint8Array): void {
    this.received += chunk.byteLength;
    if (this.#ended !== "no") return;
    const waiter = this.#waiter;
    if (waiter) {
      this.#waiter = undefined;
      return waiter.resolve({ done: false, value: chunk });
    }
    if (this.#dropping) return this.#giveUpIfLong();
    this.#queue.push(chunk);
    this.#held += chunk.byteLength;
    if (this.#held >= heldBytes && !this.#paused) {
      this.#paused = true;
      this.#options.pause();
    }
  }

  /** All of it has come. */
  complete(): void {
    this.#end("complete");
  }

  /** Ends the body with `error`, unless it has ended. */
  fail(error: Error): void {
    this.#end({ error });
  }

  /** Lets a short unread rest pass so that the connection can be used again; destroys it when there is more, or none in time. */
  dispose(giveUpAfter: (callback: () => void) => () => void): Promise<void> {
    return (this.#disposing ??= this.#dispose(giveUpAfter));
  }

  async #dispose(giveUpAfter: (callback: () => void) => () => void): Promise<void> {
    if (this.#ended !== "no") return;
    if (this.#begun) return void (await this.return());
    this.#taken = true;
    this.#dropping = true;
    this.#queue.length = 0;
    this.#giveUpIfLong();
    if (this.#ended !== "no") return;
    const cancel = giveUpAfter(() => void this.return());
    await new Promise<void>((resolve) => {
      this.#tellEnded = resolve;
    });
    cancel();
  }

  #giveUpIfLong(): void {
    if (this.received > disposableBytes) void this.return();
  }

  #resume(): void {
    this.#paused = false;
    this.#options.resume();
  }

  #end(how: "complete" | { readonly error: Error }): void {
    if (this.#ended !== "no") return;
    this.#ended = how;
    // The connection may serve the next request, or must be seen to close.
    if (this.#paused) this.#resume();
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (how === "complete") waiter?.resolve({ done: true, value: undefined });
    else waiter?.reject(this.#options.describe(how.error));
    this.#options.onEnd(how === "complete");
    this.#tellEnded?.();
  }
}
