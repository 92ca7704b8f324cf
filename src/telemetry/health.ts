/** How telemetry itself fares. Plain data, for a report. */
export interface TelemetryHealth {
  /** Spans that were delivered, and spans that nobody will see. */
  readonly spansSent: number;
  readonly spansDropped: number;
  /** What went wrong, each thing once with its count. Foreign text: escaped where it is shown. */
  readonly problems: readonly TelemetryProblem[];
  /** True when the last thing that was sent did not arrive. */
  readonly lastFailed: boolean;
}

export interface TelemetryProblem {
  readonly what: string;
  readonly count: number;
}

export const healthy: TelemetryHealth = { spansSent: 0, spansDropped: 0, problems: [], lastFailed: false };

const mostProblems = 20;

/** Counts problems, each text once. Text that is no longer new is only counted. */
export class Problems {
  readonly #counts = new Map<string, number>();
  #others = 0;

  add(what: string): void {
    const text = what.slice(0, 300);
    if (this.#counts.has(text) || this.#counts.size < mostProblems) {
      this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
    } else this.#others++;
  }

  get list(): readonly TelemetryProblem[] {
    const told = [...this.#counts].map(([what, count]) => ({ what, count }));
    return this.#others === 0 ? told : [...told, { what: "other problems", count: this.#others }];
  }
}

/** One line that sums it up; `undefined` where all is well. */
export function degradation({ spansDropped, problems }: TelemetryHealth): string | undefined {
  const [first, ...others] = problems;
  if (!first && spansDropped === 0) return undefined;
  const seen = first ? [`${first.what}${first.count > 1 ? ` (${first.count} times)` : ""}`] : [];
  const more = others.length > 0 ? [`${others.length} other problem${others.length > 1 ? "s" : ""}`] : [];
  const dropped = spansDropped > 0 ? [`${spansDropped} span${spansDropped > 1 ? "s" : ""} dropped`] : [];
  return `telemetry degraded: ${[...seen, ...more, ...dropped].join(", ")}; the run was not affected`;
}
