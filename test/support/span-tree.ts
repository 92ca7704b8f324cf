import type { ReceivedSpan } from "./otlp-receiver.ts";

/** What a trace looks like, and what is wrong with it. */
export interface SpanTree {
  /** Spans that are no attempts, by how often each name comes. */
  readonly counts: Readonly<Record<string, number>>;
  /** How many came more than once. */
  readonly repeated: number;
  readonly traces: number;
  /** Names of spans whose parent is not there. */
  readonly orphans: readonly string[];
  /** Names of spans without a parent. */
  readonly roots: readonly string[];
  /** Names of spans that end before they begin. */
  readonly backwards: readonly string[];
  /** Links to spans that are not there. */
  readonly dangling: number;
}

const internal = 1;

export function treeOf(spans: readonly ReceivedSpan[]): SpanTree {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const counts: Record<string, number> = {};
  for (const { name, kind } of spans) if (kind === internal) counts[name] = (counts[name] ?? 0) + 1;
  const namesOf = (which: (span: ReceivedSpan) => boolean) => spans.filter(which).map(({ name }) => name);
  return {
    counts,
    repeated: spans.length - ids.size,
    traces: new Set(spans.map(({ traceId }) => traceId)).size,
    orphans: namesOf(({ parentSpanId }) => Boolean(parentSpanId) && !ids.has(parentSpanId ?? "")),
    roots: namesOf(({ parentSpanId }) => !parentSpanId),
    backwards: namesOf((span) => BigInt(span.endTimeUnixNano) < BigInt(span.startTimeUnixNano)),
    dangling: spans.flatMap(({ links = [] }) => links).filter(({ spanId }) => !ids.has(spanId)).length,
  };
}
