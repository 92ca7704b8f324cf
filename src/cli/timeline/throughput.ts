import type { AttemptEvent } from "../../telemetry/attempt.ts";
import { timingOf, type Stretch } from "../../telemetry/timing.ts";

/** Bytes of bodies per second over a run, in as many steps as are drawn. */
export interface Throughput {
  /** Milliseconds that one step lasts. */
  readonly stepMs: number;
  readonly sent: readonly number[];
  readonly received: readonly number[];
}

const steps = 120;

/** Spreads each attempt's bytes evenly over the time in which they moved. Its end is the end of the last attempt. */
export function throughputOf(attempts: readonly AttemptEvent[], startedAt: number): Throughput {
  const endMs = attempts.reduce((most, one) => Math.max(most, one.startedAt + one.durationMs - startedAt), 0);
  const stepMs = Math.max(1, endMs / steps);
  const sent = Array.from({ length: steps }, () => 0);
  const received = Array.from({ length: steps }, () => 0);
  for (const attempt of attempts) {
    const { stretches } = timingOf(attempt);
    const over = (name: Stretch["name"]) => stretches.find((stretch) => stretch.name === name) ?? attempt;
    spread(sent, attempt.sentBytes, { ...over("send"), origin: startedAt, stepMs });
    spread(received, attempt.receivedBytes, { ...over("receive"), origin: startedAt, stepMs });
  }
  const perSecond = (bytes: number) => (bytes * 1000) / stepMs;
  return { stepMs, sent: sent.map(perSecond), received: received.map(perSecond) };
}

interface Over {
  readonly startedAt: number;
  readonly durationMs: number;
  readonly origin: number;
  readonly stepMs: number;
}

function spread(into: number[], bytes: number, { startedAt, durationMs, origin, stepMs }: Over): void {
  if (bytes === 0) return;
  const from = (startedAt - origin) / stepMs;
  const to = from + durationMs / stepMs;
  const first = Math.max(0, Math.min(into.length - 1, Math.floor(from)));
  const last = Math.max(first, Math.min(into.length - 1, Math.floor(to)));
  for (let step = first; step <= last; step++) {
    const share = last === first ? 1 : (Math.min(to, step + 1) - Math.max(from, step)) / (to - from);
    into[step] = (into[step] ?? 0) + bytes * share;
  }
}
