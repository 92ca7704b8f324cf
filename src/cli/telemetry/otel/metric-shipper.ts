import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { Meter } from "./metrics.ts";
import type { Outlet } from "./outlet.ts";

export interface MetricShipperOptions {
  readonly intervalMs: number;
  readonly onProblem: (what: string) => void;
  readonly onChange: () => void;
}

/** Sends what a meter has, at intervals and at the end. */
export class MetricShipper {
  /** The last thing that was sent did not arrive, or not yet. */
  lastFailed = false;
  /** Why what is under way has not arrived yet. */
  trouble: string | undefined;
  /** Something has been sent, or the sending has begun. */
  hasTried = false;
  readonly #meter: Meter;
  readonly #outlets: readonly Outlet<ResourceMetrics>[];
  readonly #options: MetricShipperOptions;
  readonly #timer: NodeJS.Timeout;
  #shipping: Promise<void> | undefined;

  constructor(meter: Meter, outlets: readonly Outlet<ResourceMetrics>[], options: MetricShipperOptions) {
    this.#meter = meter;
    this.#outlets = outlets;
    this.#options = options;
    this.#timer = setInterval(() => this.#start(), options.intervalMs);
  }

  /** Sends once more, until `deadlineAt`; not where the last time failed. */
  async finish(deadlineAt: number): Promise<void> {
    clearInterval(this.#timer);
    for (const outlet of this.#outlets) outlet.hurry(deadlineAt);
    await this.#shipping;
    if (!this.lastFailed) {
      this.#start();
      await this.#shipping;
    }
    for (const outlet of this.#outlets) outlet.close();
  }

  /** A slow collector gets the next numbers when it has taken the last. */
  #start(): void {
    this.#shipping ??= this.#ship().finally(() => {
      this.#shipping = undefined;
    });
  }

  async #ship(): Promise<void> {
    const collected = await this.#meter.collect();
    this.hasTried = true;
    const onTrouble = (why: string) => {
      this.lastFailed = true;
      this.trouble = why;
      this.#options.onChange();
    };
    const deliveries = await Promise.all(this.#outlets.map((outlet) => outlet.send(collected, onTrouble)));
    this.trouble = undefined;
    for (const { problem } of deliveries) if (problem !== undefined) this.#options.onProblem(problem);
    this.lastFailed = deliveries.every(({ delivered }) => !delivered);
    this.#options.onChange();
  }
}
