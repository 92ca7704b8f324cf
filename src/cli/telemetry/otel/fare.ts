import type { TelemetryHealth, TelemetryProblem } from "../../../telemetry/health.ts";
import type { ExporterSettings } from "../../../telemetry/settings/settings.ts";

/** How something that is sent fares. */
export interface Faring {
  /** The last thing that was sent did not arrive, or not yet. */
  readonly lastFailed: boolean;
  /** Something has been sent, or the sending has begun. */
  readonly hasTried: boolean;
  /** Why what is under way has not arrived yet. */
  readonly trouble: string | undefined;
}

/** Lets one thing be sent at a time, and knows how that fares. */
export class Fare implements Faring {
  lastFailed = false;
  hasTried = false;
  trouble: string | undefined;
  readonly #onChange: () => void;
  #sending: Promise<void> | undefined;

  /** `onChange`: called whenever something has been delivered, or has not. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Sends, unless something is being sent. Settles with what is under way. */
  start(send: () => Promise<void>): Promise<void> {
    return (this.#sending ??= send().finally(() => {
      this.#sending = undefined;
    }));
  }

  /** Waits for what is under way, then sends once more; not where the last time failed. */
  async finish(start: () => unknown): Promise<void> {
    await this.#sending;
    if (this.lastFailed) return;
    start();
    await this.#sending;
  }

  /** Something leaves. */
  began(): void {
    this.hasTried = true;
  }

  /** It has not arrived, and is sent again. */
  troubled(why: string): void {
    this.lastFailed = true;
    this.trouble = why;
    this.#onChange();
  }

  /** It has arrived, or is given up. */
  ended(delivered: boolean): void {
    this.lastFailed = !delivered;
    this.trouble = undefined;
    this.#onChange();
  }
}

export interface Sending {
  readonly fare: Faring;
  /** Where it is sent to. */
  readonly places: readonly string[];
}

export interface Fares {
  /** One for each place that spans go to. */
  readonly spans: readonly { readonly sent: number; readonly dropped: number }[];
  readonly sendings: readonly Sending[];
  readonly problems: readonly TelemetryProblem[];
}

/** All of it in one. */
export function healthOf({ spans, sendings, problems }: Fares): TelemetryHealth {
  return {
    spansSent: spans.length === 0 ? 0 : Math.min(...spans.map(({ sent }) => sent)),
    spansDropped: Math.max(0, ...spans.map(({ dropped }) => dropped)),
    problems: withTroubles(problems, sendings),
    lastFailed: isHopeless(sendings),
  };
}

/** Where each exporter sends to. */
export function placesOf(exporters: readonly ExporterSettings[]): readonly string[] {
  return exporters.map((exporter) => (exporter.kind === "console" ? "console" : new URL(exporter.url).origin));
}

/** What was sent last has not arrived, and what was not sent yet would go nowhere else. */
function isHopeless(sendings: readonly Sending[]): boolean {
  const failed = new Set(sendings.flatMap(({ fare, places }) => (fare.lastFailed ? places : [])));
  return sendings.every(
    ({ fare, places }) => fare.lastFailed || (!fare.hasTried && places.every((place) => failed.has(place))),
  );
}

/** What is known of what is under way, should nobody wait for its end. */
function withTroubles(known: readonly TelemetryProblem[], sendings: readonly Sending[]): readonly TelemetryProblem[] {
  const troubles = new Set(sendings.flatMap(({ fare }) => fare.trouble ?? []));
  for (const { what } of known) troubles.delete(what);
  return [...known, ...[...troubles].map((what) => ({ what, count: 1 }))];
}
