import type { Hash } from "node:crypto";
import { backoffMs } from "../async/backoff.ts";
import { sleep } from "../async/clock.ts";
import type { Bytes } from "../content/store.ts";
import { isRetryable, WaybillError } from "../errors.ts";
import { contentRangeOf } from "../http/range.ts";
import type { HttpResponse } from "../http/send.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { algorithmOf, digestFrom, hashFor } from "../spec/digest.ts";
import { contextOf, nameOfRepository, type Access } from "./access.ts";
import { codingOf, decodeStream } from "./content-encoding.ts";
import { sizeIn } from "./announced.ts";

const maxFailures = 5;

/** Asks for the blob from a byte on; answers 206, or 200 with all of it. */
export type OpenAt = (offset: number) => Promise<HttpResponse>;

export interface BlobBodyOptions {
  readonly access: Access;
  readonly openAt: OpenAt;
  /** The answer to `openAt(offset)`. */
  readonly first: HttpResponse;
  readonly offset: number;
  readonly signal?: AbortSignal;
}

/**
 * The bytes of `blob` from `offset` on. A break is mended by a request for the rest, with growing waits, as long as every
 * fifth try brings a byte. The last chunk is handed out after the whole was verified. Disposing of it closes the answer that is
 * being read; nothing is mended after that.
 *
 * @throws WaybillError `digest_mismatch`, `size_mismatch`; the last error where the connection cannot be mended.
 */
export function blobBody(blob: Descriptor, options: BlobBodyOptions): Bytes & AsyncDisposable {
  return new BlobBody(blob, options);
}

/** How far a body has been read. */
interface Progress {
  at: number;
  /** Of everything before `at`; absent for a body that began in the middle. */
  hash: Hash | undefined;
}

/** Written out rather than as generators, whose every step costs several promises. */
class BlobBody implements AsyncIterableIterator<Uint8Array, undefined>, AsyncDisposable {
  readonly #blob: Descriptor;
  readonly #options: BlobBodyOptions;
  readonly #progress: Progress;
  #response: HttpResponse | undefined;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  /** The chunk that completes the blob, until the whole was verified. */
  #last: Uint8Array | undefined;
  #failures = 0;
  #isOver = false;
  #isDisposed = false;

  constructor(blob: Descriptor, options: BlobBodyOptions) {
    this.#blob = blob;
    this.#options = options;
    this.#progress = { at: options.offset, hash: options.offset === 0 ? hashFor(blob.digest) : undefined };
    this.#response = options.first;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    while (!this.#isOver) {
      const chunk = await this.#take();
      if (chunk === undefined) return this.#complete();
      if (this.#progress.at < this.#blob.size) return { done: false, value: chunk };
      this.#last = chunk;
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isOver = true;
    await this.#close();
    return { done: true, value: undefined };
  }

  /** Does not wait for a chunk that somebody still waits for: that one fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#response?.[Symbol.asyncDispose]();
  }

  /** The next chunk of the blob; `undefined` at its end. Gets over what breaks. */
  async #take(): Promise<Uint8Array | undefined> {
    for (;;) {
      try {
        this.#chunks ??= await this.#begin();
        const chunk = await this.#takeFrom(this.#chunks);
        this.#failures = 0;
        return chunk;
      } catch (error) {
        if (!(await this.#mend(error))) return undefined;
      }
    }
  }

  async #begin(): Promise<AsyncIterator<Uint8Array>> {
    const { openAt, access } = this.#options;
    this.#response ??= await openAt(this.#progress.at);
    const response = this.#response;
    if (this.#isDisposed) throw disposedOf(this.#blob, access);
    return rest(this.#blob, { response, progress: this.#progress, access })[Symbol.asyncIterator]();
  }

  async #takeFrom(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
    const { size } = this.#blob;
    const progress = this.#progress;
    for (;;) {
      const { done, value } = await chunks.next();
      if (done) {
        if (progress.at < size) throw endedEarly(this.#blob, progress.at, this.#options.access);
        await this.#close();
        return undefined;
      }
      if (progress.at + value.byteLength > size) throw wrongSize(this.#blob, "more", this.#options.access);
      progress.at += value.byteLength;
      progress.hash?.update(value);
      if (value.byteLength > 0) return value;
    }
  }

  /** Closes what broke and waits before another try; false where nothing is missing. @throws `error` where there is no use in trying. */
  async #mend(error: unknown): Promise<boolean> {
    const { access, signal } = this.#options;
    await this.#close();
    const isComplete = this.#progress.at === this.#blob.size && this.#blob.size > 0;
    if (isRetryable(error) && isComplete) return false;
    if (!isRetryable(error) || this.#isDisposed || ++this.#failures >= maxFailures) {
      this.#isOver = true;
      throw error;
    }
    await sleep(access.clock, backoffMs(this.#failures, access.random), signal);
    return true;
  }

  #complete(): IteratorResult<Uint8Array, undefined> {
    this.#isOver = true;
    requireDigest(this.#blob, this.#progress, this.#options.access);
    return this.#last ? { done: false, value: this.#last } : { done: true, value: undefined };
  }

  async #close(): Promise<void> {
    const [response, chunks] = [this.#response, this.#chunks];
    this.#response = undefined;
    this.#chunks = undefined;
    await chunks?.return?.(undefined);
    await response?.[Symbol.asyncDispose]();
  }
}

interface Rest {
  readonly response: HttpResponse;
  readonly progress: Progress;
  readonly access: Access;
}

/** What `response` brings beyond what was read. */
function rest(blob: Descriptor, reading: Rest): Bytes {
  return skipped(blob, reading)(contentOf(blob, reading));
}

/** A body that is labelled as encoded although it was asked for plain: its length tells whether the label is true. */
function contentOf(blob: Descriptor, { response, access }: Rest): Bytes {
  const coding = codingOf(response.headers);
  const isRaw = coding === undefined || response.status === 206 || sizeIn(response.headers) === blob.size;
  if (isRaw) return response.body;
  const doing = `Cannot read blob ${blob.digest} from "${nameOfRepository(access)}"`;
  return decodeStream(response.body, { coding, maxBytes: blob.size, doing, about: about(blob, access) });
}

/** How to get from the first byte of the answer to the first that is still wanted. */
function skipped(blob: Descriptor, { response, progress, access }: Rest): (body: Bytes) => Bytes {
  const { at } = progress;
  if (response.status === 206) {
    const start = contentRangeOf(response.headers.get("content-range"))?.first;
    if (start !== undefined && start !== at) {
      const message = `Cannot read blob ${blob.digest} from "${nameOfRepository(access)}": asked for bytes from ${at}, got them from ${start}`;
      throw new WaybillError("range_invalid", message, about(blob, access));
    }
    return (body) => body;
  }
  return at === 0 ? (body) => body : (body) => afterPrefix(blob, body, { response, progress, access });
}

/** The registry sent everything again: the beginning must be what was handed out, and is left out. */
async function* afterPrefix(blob: Descriptor, body: Bytes, { progress, access }: Rest): Bytes {
  const again = progress.hash && hashFor(blob.digest);
  const before = progress.hash?.copy().digest("hex");
  const from = progress.at;
  let seen = 0;
  let isSame = false;
  for await (const chunk of body) {
    if (isSame) {
      yield chunk;
      continue;
    }
    const prefix = chunk.subarray(0, from - seen);
    again?.update(prefix);
    seen += chunk.byteLength;
    if (prefix.byteLength === chunk.byteLength) continue;
    isSame = again?.digest("hex") === before;
    if (!isSame) throw changed(blob, access);
    yield chunk.subarray(prefix.byteLength);
  }
}

function requireDigest(blob: Descriptor, { hash }: Progress, access: Access): void {
  if (!hash) return;
  const seen = digestFrom(hash, algorithmOf(blob.digest));
  if (seen === blob.digest) return;
  const message = `Cannot accept blob from "${nameOfRepository(access)}": expected ${blob.digest}, got ${seen}`;
  throw new WaybillError("digest_mismatch", message, about(blob, access));
}

function changed(blob: Descriptor, access: Access): WaybillError {
  const message = `Cannot accept blob ${blob.digest} from "${nameOfRepository(access)}": it changed while it was read`;
  return new WaybillError("digest_mismatch", message, about(blob, access));
}

function wrongSize(blob: Descriptor, got: string, access: Access): WaybillError {
  const message = `Cannot accept blob ${blob.digest} from "${nameOfRepository(access)}": expected ${blob.size} bytes, got ${got}`;
  return new WaybillError("size_mismatch", message, about(blob, access));
}

function endedEarly(blob: Descriptor, at: number, access: Access): WaybillError {
  const message = `Cannot read blob ${blob.digest} from "${nameOfRepository(access)}": the body ended after ${at} of ${blob.size} bytes`;
  return new WaybillError("connection_failed", message, about(blob, access));
}

function disposedOf(blob: Descriptor, access: Access): WaybillError {
  const message = `Cannot read blob ${blob.digest} from "${nameOfRepository(access)}": its content was disposed of`;
  return new WaybillError("cancelled", message, about(blob, access));
}

function about(blob: Descriptor, access: Access) {
  return { ...contextOf(access), subject: blob.digest };
}
