import type { BatchSettings } from "../../../telemetry/settings/settings.ts";
import type { Outlet } from "./outlet.ts";

export interface ShipperOptions<Item> {
  readonly outlet: Outlet<Item[]>;
  readonly batch: BatchSettings;
  readonly onProblem: (what: string) => void;
  /** Called for each item or batch that nobody will see. */
  readonly onDrop: (count: number) => void;
  /** Called whenever something has been delivered, or has not. */
  readonly onChange: () => void;
}

/**
 * Sends items in batches, one at a time, in the background. Holds a bounded number of them: when there is no room the oldest
 * go, for the newest tell more about what is going on. A batch that does not arrive is given up.
 */
export class Shipper<Item> {
  sent = 0;
  dropped = 0;
  /** The last thing that was sent did not arrive, or not yet. */
  lastFailed = false;
  /** Why what is under way has not arrived yet. */
  trouble: string | undefined;
  /** Something has been sent, or the sending has begun. */
  hasTried = false;
  readonly #options: ShipperOptions<Item>;
  readonly #queue: Item[] = [];
  #timer: NodeJS.Timeout | undefined;
  #shipping: Promise<void> | undefined;
  #isFinishing = false;

  constructor(options: ShipperOptions<Item>) {
    this.#options = options;
  }

  add(item: Item): void {
    const { queueSize, batchSize, delayMs } = this.#options.batch;
    if (this.#queue.length === queueSize) this.#drop(this.#queue.splice(0, 1).length);
    this.#queue.push(item);
    if (this.#queue.length >= batchSize) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), delayMs);
  }

  /** Sends what is left, until `deadlineAt`; nothing more where the last batch did not arrive. */
  async finish(deadlineAt: number): Promise<void> {
    this.#isFinishing = true;
    clearTimeout(this.#timer);
    this.#options.outlet.hurry(deadlineAt);
    await this.#shipping;
    if (!this.lastFailed) {
      this.#start();
      await this.#shipping;
    }
    this.#drop(this.#queue.splice(0).length);
    this.#options.outlet.close();
  }

  #drop(count: number): void {
    this.dropped += count;
    if (count > 0) this.#options.onDrop(count);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#shipping ??= this.#ship().finally(() => {
      this.#shipping = undefined;
    });
  }

  /** Until fewer than a whole batch are left, or none when everything is to go. */
  async #ship(): Promise<void> {
    const { batchSize } = this.#options.batch;
    do {
      await this.#shipOne(this.#queue.splice(0, batchSize));
      if (this.#isFinishing && this.lastFailed) return;
    } while (this.#queue.length >= (this.#isFinishing ? 1 : batchSize));
  }

  async #shipOne(items: Item[]): Promise<void> {
    if (items.length === 0) return;
    const { outlet, onProblem, onChange } = this.#options;
    this.hasTried = true;
    const {
      delivered,
      problem,
      rejected = 0,
    } = await outlet.send(items, (why) => {
      this.lastFailed = true;
      this.trouble = why;
      onChange();
    });
    this.trouble = undefined;
    const lost = delivered ? Math.min(rejected, items.length) : items.length;
    this.#drop(lost);
    this.sent += items.length - lost;
    this.lastFailed = !delivered;
    if (problem !== undefined) onProblem(problem);
    onChange();
  }
}
