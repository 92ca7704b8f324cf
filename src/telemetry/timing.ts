import type { Mark, MarkName } from "./marks.ts";

/** A stretch of an attempt, in milliseconds by the clock of its marks. */
export interface Stretch {
  readonly name: "queue" | "dns" | "connect" | "tls" | "send" | "wait" | "receive";
  readonly startedAt: number;
  readonly durationMs: number;
}

/** What an attempt spent its time on. */
export interface Timing {
  /** By beginning. They may overlap where marks came in an odd order; those that nothing is known of are missing. */
  readonly stretches: readonly Stretch[];
  /** It went over a connection that it did not open itself. */
  readonly reused: boolean;
  /** Marks that have no place: repeated where there can be only one, an end without a beginning. */
  readonly odd: number;
}

export interface Timed {
  readonly startedAt: number;
  readonly durationMs: number;
  readonly marks: readonly Mark[];
}

/**
 * Finds out afterwards what the marks of an attempt mean. Defined for every order, repetition and absence of marks: nothing
 * that was seen can make it fail.
 */
export function timingOf({ startedAt, durationMs, marks }: Timed): Timing {
  const endedAt = startedAt + durationMs;
  const seen = marks.map(({ name, at }) => ({ name, at: Math.min(Math.max(at, startedAt), endedAt) }));
  const opened = (["dns", "connect", "tls"] as const).map((name) => pairsOf(seen, name, endedAt));
  const lastRound = seen.slice(seen.findLastIndex(({ name }) => name === "repeated") + 1);
  const stretches = [
    ...stretch("queue", startedAt, firstOf(seen, "admitted")),
    ...opened.flatMap((pairs) => pairs.stretches),
    ...exchange(lastRound, endedAt),
  ];
  return {
    stretches: stretches.toSorted((a, b) => a.startedAt - b.startedAt),
    reused: firstOf(seen, "connection") !== undefined && firstOf(seen, "connect") === undefined,
    odd: opened.reduce((sum, pairs) => sum + pairs.odd, repetitions(seen)),
  };
}

/** From the connection to the end. What was not seen is taken as having happened by the next thing that was. */
function exchange(seen: readonly Mark[], endedAt: number): readonly Stretch[] {
  const answered = firstOf(seen, "first-byte");
  const sent = firstOf(seen, "body-sent") ?? firstOf(seen, "headers-sent") ?? answered;
  return [
    ...stretch("send", firstOf(seen, "connection"), sent ?? endedAt),
    ...stretch("wait", sent, answered ?? endedAt),
    ...stretch("receive", answered, endedAt),
  ];
}

function stretch(name: Stretch["name"], from: number | undefined, to: number | undefined): readonly Stretch[] {
  if (from === undefined || to === undefined) return [];
  return [{ name, startedAt: from, durationMs: Math.max(0, to - from) }];
}

function firstOf(seen: readonly Mark[], name: MarkName): number | undefined {
  return seen.find((mark) => mark.name === name)?.at;
}

interface Pairs {
  readonly stretches: readonly Stretch[];
  readonly odd: number;
}

/** Each beginning with the end that comes next; one that never ends lasts as long as the attempt. */
function pairsOf(seen: readonly Mark[], name: "dns" | "connect" | "tls", endedAt: number): Pairs {
  const stretches: Stretch[] = [];
  let odd = 0;
  let from: number | undefined;
  for (const mark of seen) {
    const isEnd = mark.name === `${name}-done`;
    if (!isEnd && mark.name !== name) continue;
    if (isEnd === (from === undefined)) odd++;
    if (isEnd) stretches.push(...stretch(name, from, mark.at));
    from = isEnd ? undefined : (from ?? mark.at);
  }
  return { stretches: [...stretches, ...stretch(name, from, endedAt)], odd };
}

const onlyOnce: ReadonlySet<MarkName> = new Set(["headers-sent", "body-sent", "first-byte", "last-byte"]);

/** How often something was seen again that happens once each time that a request is sent. */
function repetitions(seen: readonly Mark[]): number {
  const had = new Set<MarkName>();
  let count = 0;
  for (const { name } of seen) {
    if (name === "repeated") had.clear();
    else if (had.has(name)) count++;
    else if (onlyOnce.has(name)) had.add(name);
  }
  return count;
}
