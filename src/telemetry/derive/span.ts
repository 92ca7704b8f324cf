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

/**
 * All the facts that are known, in one. Property by property: objects put together from several by spreading have a hidden class of
 * their own each, which is what a thousand spans would fill the memory with (decision 14).
 */
export function known(...parts: readonly Facts[]): Attributes {
  const attributes: Record<string, AttributeValue> = {};
  for (const facts of parts)
    for (const [name, value] of Object.entries(facts)) if (value !== undefined) attributes[name] = value;
  return attributes;
}
