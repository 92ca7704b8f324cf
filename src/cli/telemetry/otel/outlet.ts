import type { Poster } from "./post.ts";

/** What became of a batch. */
export interface Delivery {
  readonly delivered: boolean;
  /** What went wrong, also where it was delivered in part. */
  readonly problem?: string;
  /** How many of it the other side did not take. */
  readonly rejected?: number;
}

/** Where batches of one signal go, one at a time. */
export interface Outlet<Batch> {
  /**
   * Settles within its own time, whatever the other side does. Never rejects. `onTrouble`: told why when it has to be sent again.
   */
  send(batch: Batch, onTrouble: (why: string) => void): Promise<Delivery>;
  /** Whatever is under way, and whatever is sent from now on, ends at `at`, by `Date.now()`. */
  hurry(at: number): void;
  close(): void;
}

/** How a batch is written, and what the other side says of it is read. */
export interface Wire<Batch> {
  readonly encode: (batch: Batch) => Uint8Array | undefined;
  readonly decode: (answer: Uint8Array) => Answer;
}

interface Answer {
  readonly partialSuccess?: {
    readonly errorMessage?: string;
    /** Text in JSON. */
    readonly rejectedSpans?: number | string;
    readonly rejectedDataPoints?: number | string;
  };
}

const firstWaitMs = 500;
/** What an attempt needs at the very least. */
const leastMs = 200;

/** Sends by OTLP. What fails in passing is sent again while there is time; at the end only where the other side says when. */
export class OtlpOutlet<Batch> implements Outlet<Batch> {
  readonly #wire: Wire<Batch>;
  readonly #poster: Poster;
  readonly #timeoutMs: number;
  #until = Number.POSITIVE_INFINITY;
  #wake: () => void = () => undefined;

  constructor(wire: Wire<Batch>, poster: Poster, timeoutMs: number) {
    this.#wire = wire;
    this.#poster = poster;
    this.#timeoutMs = timeoutMs;
  }

  async send(batch: Batch, onTrouble: (why: string) => void): Promise<Delivery> {
    try {
      const bytes = this.#wire.encode(batch);
      if (!bytes) return { delivered: false, problem: "nothing could be made of what was to be sent" };
      return await this.#sendBytes(bytes, onTrouble);
    } catch (error) {
      return { delivered: false, problem: `a batch could not be sent: ${String(error)}` };
    }
  }

  async #sendBytes(bytes: Uint8Array, onTrouble: (why: string) => void): Promise<Delivery> {
    const ownUntil = Date.now() + this.#timeoutMs;
    const leftMs = () => Math.min(ownUntil, this.#until) - Date.now();
    for (let waitMs = firstWaitMs; ; waitMs *= 2) {
      const posted = await this.#poster.post(bytes, leftMs());
      if (posted.ok) return this.#accepted(posted.body);
      const delayMs = posted.retryAfterMs ?? waitMs;
      const isLast = this.#until < Number.POSITIVE_INFINITY && posted.retryAfterMs === undefined;
      if (!posted.passing || isLast || delayMs + leastMs > leftMs()) return { delivered: false, problem: posted.why };
      onTrouble(posted.why);
      await this.#wait(delayMs);
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #accepted(body: Uint8Array): Delivery {
    if (body.byteLength === 0) return { delivered: true };
    try {
      const { errorMessage, rejectedSpans = 0, rejectedDataPoints = 0 } = this.#wire.decode(body).partialSuccess ?? {};
      const rejected = Number(rejectedSpans) + Number(rejectedDataPoints);
      if (!errorMessage && rejected === 0) return { delivered: true };
      return {
        delivered: true,
        rejected,
        problem: `the collector did not take all: ${errorMessage ?? "no reason given"}`,
      };
    } catch {
      return { delivered: true, problem: "the collector's answers cannot be understood" };
    }
  }

  hurry(at: number): void {
    this.#until = Math.min(this.#until, at);
    this.#poster.hurry(at);
    this.#wake();
  }

  close(): void {
    this.#poster.close();
  }
}
