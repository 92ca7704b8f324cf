/** How often each thing is held; what nobody holds any more is not in it. */
export class Tally<K> {
  readonly #counts = new Map<K, number>();

  has(key: K): boolean {
    return this.#counts.has(key);
  }

  add(key: K): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** Takes one `add` back. */
  remove(key: K): void {
    const left = (this.#counts.get(key) ?? 1) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}
