import type { BatchSettings } from "../../../telemetry/settings/settings.ts";
import { Fare } from "./fare.ts";
import type { Outlet } from "./outlet.ts";

export interface ShipperOptions<Item, Packed> {
  readonly outlet: Outlet<readonly Packed[]>;
  /** Makes some items ready to be sent. May throw: then they are lost. */
  readonly pack: (items: readonly Item[]) => Packed;
  readonly batch: BatchSettings;
  readonly onProblem: (what: string) => void;
  /** Called for each item or batch that nobody will see. */
  readonly onDrop: (count: number) => void;
  /** Called whenever something has been delivered, or has not. */
  readonly onChange: () => void;
}

/** Most items that are packed at once: few enough that they are gone before the memory of their youth is cleared. */
const mostAtOnce = 32;
/** The least part of a queue that goes when there is no room. */
const leastParts = 8;

/**
 * Sends items in batches, one at a time, in the background. Holds a bounded number of them, packed: where nobody waits for room
 * the oldest go, as they were packed, for the newest tell more about what is going on. A batch that does not arrive is given up.
 */
export class Shipper<Item, Packed extends { readonly count: number }> {
  sent = 0;
  dropped = 0;
  readonly fare: Fare;
  readonly #options: ShipperOptions<Item, Packed>;
  readonly #packed: Packed[] = [];
  /** Items in `#packed`. */
  #count = 0;
  #loose: Item[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isFinishing = false;
  #isPressed = false;
  #onRoom: () => void = () => undefined;
  readonly #packSize: number;

  constructor(options: ShipperOptions<Item, Packed>) {
    const { batchSize, queueSize } = options.batch;
    this.fare = new Fare(options.onChange);
    this.#options = options;
    this.#packSize = Math.min(mostAtOnce, batchSize, Math.ceil(queueSize / leastParts));
  }

  add(item: Item): void {
    const { queueSize, batchSize, delayMs } = this.#options.batch;
    if (this.#held === queueSize) this.#drop(this.#takePacked()?.count ?? this.#loose.splice(0, 1).length);
    this.#loose.push(item);
    if (this.#loose.length >= this.#packSize) this.#pack();
    if (this.#held >= batchSize) void this.#start();
    else this.#timer ??= setTimeout(() => void this.#start(), delayMs);
  }

  /**
   * Settles when there is room for one more; at once where the last batch did not arrive, or after `press`: then the oldest go for
   * it. One caller at a time.
   */
  async room(): Promise<void> {
    while (this.#held === this.#options.batch.queueSize && !this.#isPressed && !this.fare.lastFailed) {
      const onRoom = new Promise<void>((resolve) => (this.#onRoom = resolve));
      await Promise.race([onRoom, this.#start()]);
    }
  }

  /** Nobody waits for room any more. */
  press(): void {
    this.#isPressed = true;
    this.#onRoom();
  }

  /** Sends what is left, until `deadlineAt`; nothing more where the last batch did not arrive. */
  async finish(deadlineAt: number): Promise<void> {
    this.#isFinishing = true;
    clearTimeout(this.#timer);
    this.#options.outlet.hurry(deadlineAt);
    await this.fare.finish(() => this.#start());
    this.#drop(this.#held);
    this.#packed.length = this.#count = this.#loose.length = 0;
    this.#options.outlet.close();
  }

  get #held(): number {
    return this.#count + this.#loose.length;
  }

  #pack(): void {
    const items = this.#loose;
    this.#loose = [];
    if (items.length === 0) return;
    try {
      this.#packed.push(this.#options.pack(items));
      this.#count += items.length;
    } catch (error) {
      this.#drop(items.length);
      this.#options.onProblem(`a batch could not be made: ${String(error)}`);
      this.#options.onChange();
    }
  }

  /** The oldest that are packed. */
  #takePacked(): Packed | undefined {
    const packed = this.#packed.shift();
    this.#count -= packed?.count ?? 0;
    return packed;
  }

  /** No more than a batch. */
  #takeBatch(): readonly Packed[] {
    this.#pack();
    const { batchSize } = this.#options.batch;
    const batch: Packed[] = [];
    for (let left = batchSize; (this.#packed[0]?.count ?? Number.POSITIVE_INFINITY) <= left;) {
      const packed = this.#takePacked() as Packed;
      left -= packed.count;
      batch.push(packed);
    }
    return batch;
  }

  #drop(count: number): void {
    this.dropped += count;
    if (count > 0) this.#options.onDrop(count);
  }

  #start(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.fare.start(() => this.#ship());
  }

  /** Until fewer than a whole batch are left, or none when everything is to go. */
  async #ship(): Promise<void> {
    const { batchSize } = this.#options.batch;
    do {
      await this.#shipOne(this.#takeBatch());
      if (this.#isFinishing && this.fare.lastFailed) return;
    } while (this.#held >= (this.#isFinishing ? 1 : batchSize));
  }

  async #shipOne(batch: readonly Packed[]): Promise<void> {
    const count = batch.reduce((sum, packed) => sum + packed.count, 0);
    if (count === 0) return;
    const { outlet, onProblem } = this.#options;
    this.fare.began();
    this.#onRoom();
    const delivery = await outlet.send(batch, (why) => this.#trouble(why));
    const { delivered, problem, rejected = 0 } = delivery;
    const lost = delivered ? Math.min(rejected, count) : count;
    this.#drop(lost);
    this.sent += count - lost;
    if (problem !== undefined) onProblem(problem);
    this.fare.ended(delivered);
  }

  #trouble(why: string): void {
    this.fare.troubled(why);
    this.#onRoom();
  }
}
