/** A value that a span or a measurement can carry. */
export type AttributeValue = string | number | boolean | readonly string[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A span that is over. Plain data; times in milliseconds since the Unix epoch, ids in hex. */
export interface Span {
  readonly id: string;
  /** Absent for the root of a trace that begins here. */
  readonly parentId?: string;
  readonly name: string;
  readonly kind: "internal" | "client";
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  /** Spans of the same trace that came before it. */
  readonly links: readonly string[];
  /** Why it failed, in words; absent where it did not. */
  readonly error?: string;
}

export interface SpanEvent {
  readonly name: string;
  readonly at: number;
  readonly attributes?: Attributes;
}

/** Attributes of which some may not be known. */
export type Facts = Readonly<Record<string, AttributeValue | undefined>>;

/** `facts` without those that are not known. */
export function known(facts: Facts): Attributes {
  return Object.fromEntries(
    Object.entries(facts).filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined),
  );
}
