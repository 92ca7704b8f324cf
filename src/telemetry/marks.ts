/**
 * What can be seen of an HTTP attempt, in the order in which it usually happens. A name and the same with `-done` stand at the two
 * ends of one thing; all others are moments.
 */
export type MarkName =
  /** The limits of its origin let it go ahead. */
  | "admitted"
  | "dns"
  | "dns-done"
  | "connect"
  | "connect-done"
  | "tls"
  | "tls-done"
  /** It has a connection, its own or one that others have used or share. */
  | "connection"
  | "headers-sent"
  | "body-sent"
  /** The server said 100: go on with the body. */
  | "continue"
  /** The response's headers are here. */
  | "first-byte"
  | "last-byte"
  /** The stream was reset. */
  | "reset"
  /** The connection will take no further streams. */
  | "goaway"
  /** It was sent again at once because nobody can have seen it. */
  | "repeated";

/** A moment of an attempt, by the clock. */
export interface Mark {
  readonly name: MarkName;
  readonly at: number;
}

/** Why something that was seen is not part of what is told: it came after the end, or there was no room. */
export type MarkDrop = "late" | "overflow";

export interface MarksOptions {
  /** The time, in milliseconds. */
  readonly now: () => number;
  readonly onDrop: (why: MarkDrop) => void;
}

/** An attempt has about ten. A server that says 100 for ever must not fill the memory. */
const mostMarks = 40;

/**
 * What was seen of one attempt: a bounded list that is only ever appended to, and closed once. Takes marks in any order and
 * number, and none at all; what comes too late or too often is counted and dropped. What they mean is found out afterwards.
 */
export class Marks {
  readonly #marks: Mark[] = [];
  readonly #options: MarksOptions;
  #closed = false;

  constructor(options: MarksOptions) {
    this.#options = options;
  }

  add(name: MarkName): void {
    if (this.#closed) return this.#options.onDrop("late");
    if (this.#marks.length === mostMarks) return this.#options.onDrop("overflow");
    this.#marks.push({ name, at: this.#options.now() });
  }

  /** What was seen last. */
  get last(): Mark | undefined {
    return this.#marks.at(-1);
  }

  /** Ends the list. @returns what was seen, in the order in which it was. */
  close(): readonly Mark[] {
    this.#closed = true;
    return this.#marks;
  }
}
