const windowMs = 4000;
const bucketMs = 200;
/** A rate over less than this says more about buffers than about the network. */
const leastMs = 500;

/** How fast bytes go, over the last few seconds. */
export class Meter {
  readonly #buckets: { readonly at: number; bytes: number }[] = [];
  #since: number | undefined;

  /** `bytes` more have gone at `at`, in milliseconds. */
  add(bytes: number, at: number): void {
    this.#since ??= at;
    const last = this.#buckets.at(-1);
    if (last && at - last.at < bucketMs) last.bytes += bytes;
    else this.#buckets.push({ at, bytes });
    this.#forget(at);
  }

  /** Bytes per second; 0 while there is nothing to tell it from. */
  rate(now: number): number {
    if (this.#since === undefined) return 0;
    this.#forget(now);
    const lastedMs = Math.min(windowMs, now - this.#since);
    if (lastedMs < leastMs) return 0;
    return (this.#buckets.reduce((sum, { bytes }) => sum + bytes, 0) / lastedMs) * 1000;
  }

  #forget(now: number): void {
    while (this.#buckets[0] && now - this.#buckets[0].at > windowMs) this.#buckets.shift();
  }
}
