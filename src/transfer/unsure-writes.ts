import { hasCode, WaybillError } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";
import { namedText, type Named } from "./named.ts";
import { nameAfterwards, type AskingAfterwards } from "./name-now.ts";
import type { TagResult } from "./result.ts";

/** What there is to say of a tag whose write has failed. */
export type Doubt = Pick<TagResult, "now" | "mayDiffer" | "isUnwritten" | "why">;

/** Where the tags are, how the target is asked, and what they were to name. */
export interface UnsureWritesOptions extends AskingAfterwards {
  readonly root: Digest;
}

/**
 * Tags of one target whose writing failed, or was cancelled while it was under way, and was not acknowledged: by what. Each may
 * have been written all the same, and the target is asked, once for all who want to know. `before`: what a tag named before.
 */
export class UnsureWrites {
  readonly #options: UnsureWritesOptions;
  readonly #errors = new Map<string, unknown>();
  /** What they name now; `undefined` where nobody can tell. */
  readonly #asked = new Map<string, Promise<Named | undefined>>();

  constructor(options: UnsureWritesOptions) {
    this.#options = options;
  }

  add(tag: string, error: unknown): void {
    this.#errors.set(tag, error);
  }

  /** A write whose answer was lost may have happened, whatever became of its repetition. */
  async isDone(tag: string, before: Named | undefined): Promise<boolean> {
    return this.#errors.has(tag) && (await this.#nameOf(tag, before)) === this.#options.root;
  }

  /** What is known of a tag; `undefined` where no write of this run can have changed it. */
  async doubtOf(tag: string, before: Named | undefined): Promise<Doubt | undefined> {
    const error = this.#errors.get(tag);
    if (!mayHaveArrived(error)) return undefined;
    const now = await this.#nameOf(tag, before);
    if (now === undefined)
      return { mayDiffer: true, why: "its answer was lost, and nobody can tell what it names now" };
    if (now !== before) return { now, mayDiffer: true, why: `it names ${namedText(now)} now` };
    if (isAnswerLost(error))
      return { now, mayDiffer: true, why: "its answer was lost, and the registry may show late that it was written" };
    if (isLeftAlone(error))
      return { now, mayDiffer: true, why: "nobody has waited for its answer, and it may be written still" };
    return { now, isUnwritten: true };
  }

  /** Asks again, unless interrupted, where the registry may show late what it was not heard to acknowledge. */
  #nameOf(tag: string, before: Named | undefined): Promise<Named | undefined> {
    const asked =
      this.#asked.get(tag) ?? nameAfterwards(tag, this.#options, (now) => this.#mayShowLate(tag, before, now));
    this.#asked.set(tag, asked);
    return asked;
  }

  #mayShowLate(tag: string, before: Named | undefined, now: Named | undefined): boolean {
    if (now === undefined || now === this.#options.root || !isAnswerLost(this.#errors.get(tag))) return false;
    return now === (before ?? now);
  }
}

/** Whether a write that failed so may have changed something. A refusal has not; neither has what never left. */
function mayHaveArrived(error: unknown): boolean {
  if (isAnswerLost(error) || isLeftAlone(error)) return true;
  // A 503 says that nobody was there to do it.
  if (hasCode(error, "unavailable")) return error.context.status !== 503;
  return hasCode(error, "digest_mismatch");
}

/** Whether nobody has said what became of the write, or of an attempt before the one that was refused. */
export function isAnswerLost(error: unknown): boolean {
  return error instanceof WaybillError && (error.context.sent ?? "nothing") !== "nothing";
}

/** Whether the run itself was over while the write was under way: nobody has said how much of that had left. */
export function isLeftAlone(error: unknown): boolean {
  return hasCode(error, "connection_failed", "timeout", "cancelled") && error.context.sent === undefined;
}
