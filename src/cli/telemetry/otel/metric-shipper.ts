import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import { Fare } from "./fare.ts";
import type { Meter } from "./metrics.ts";
import type { Outlet } from "./outlet.ts";

export interface MetricShipperOptions {
  readonly intervalMs: number;
  readonly onProblem: (what: string) => void;
  readonly onChange: () => void;
}

/** Sends what a meter has, at intervals and at the end. */
export class MetricShipper {
  readonly fare: Fare;
  readonly #meter: Meter;
  readonly #outlets: readonly Outlet<ResourceMetrics>[];
  readonly #options: MetricShipperOptions;
  readonly #timer: NodeJS.Timeout;

  constructor(meter: Meter, outlets: readonly Outlet<ResourceMetrics>[], options: MetricShipperOptions) {
    this.fare = new Fare(options.onChange);
    this.#meter = meter;
    this.#outlets = outlets;
    this.#options = options;
    this.#timer = setInterval(() => this.#start(), options.intervalMs);
  }

  /** Sends once more, until `deadlineAt`; not where the last time failed. */
  async finish(deadlineAt: number): Promise<void> {
    clearInterval(this.#timer);
    for (const outlet of this.#outlets) outlet.hurry(deadlineAt);
    await this.fare.finish(() => this.#start());
    for (const outlet of this.#outlets) outlet.close();
  }

  /** A slow collector gets the next numbers when it has taken the last. */
  #start(): void {
    void this.fare.start(() => this.#ship());
  }

  async #ship(): Promise<void> {
    const collected = await this.#meter.collect();
    this.fare.began();
    const onTrouble = (why: string) => this.fare.troubled(why);
    const deliveries = await Promise.all(this.#outlets.map((outlet) => outlet.send(collected, onTrouble)));
    for (const { problem } of deliveries) if (problem !== undefined) this.#options.onProblem(problem);
    this.fare.ended(deliveries.some(({ delivered }) => delivered));
  }
}
