/** Lets the first news of each thing through, and then one in `everyMs` milliseconds. */
export class Pace {
  readonly #everyMs: number;
  readonly #lastAt = new Map<string, number>();

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** Whether news of `id` at `at` is let through. */
  allows(id: string, at: number): boolean {
    const last = this.#lastAt.get(id);
    if (last !== undefined && at - last < this.#everyMs) return false;
    this.#lastAt.set(id, at);
    return true;
  }

  /** `id` is over: nothing is kept of it. */
  forget(id: string): void {
    this.#lastAt.delete(id);
  }
}
