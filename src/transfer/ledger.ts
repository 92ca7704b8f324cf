import type { Clock } from "../async/clock.ts";
import type { Store, Tagged } from "../content/store.ts";
import { innermostMessage, WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import type { Report } from "../telemetry/events.ts";
import { failureOf } from "../telemetry/task.ts";
import { asCancelled } from "./cancelled.ts";
import { isFound, preflightResult, type Looked } from "./look.ts";
import { noNames, withNames, type NamesOfTags } from "./named.ts";
import { noReason, writtenState, type TagResult, type TagState, type TargetResult } from "./result.ts";
import { undo, type Move, type Undone, type UndoOptions } from "./rollback.ts";
import type { StepOutcome } from "./run.ts";
import type { TargetStep } from "./step.ts";
import { UnsureWrites, type Doubt } from "./unsure-writes.ts";

export interface LedgerOptions {
  readonly open: (location: Location) => Promise<Store>;
  readonly clock: Clock;
  readonly report: Report;
  readonly signal?: AbortSignal;
}

/** Keeps account of one target while the plan runs. */
export class Ledger {
  readonly at: Location;
  readonly #looked: Looked;
  readonly #root: Digest;
  readonly #options: LedgerOptions;
  /** Tags that name the root by our doing, and when this run wrote them; `undefined` for an earlier run. */
  readonly #acknowledged = new Map<string, number | undefined>();
  readonly #bytes = { sent: 0, mounted: 0, existed: 0 };
  #open = 0;
  #endedAt: number | undefined;
  #error: unknown;
  readonly #unsure: UnsureWrites;
  /** Tags that an earlier run was about to write, and of which nobody says what they name. */
  readonly #doubtful = new Set<string>();
  /** Of those that this run wrote: an earlier attempt may be carried out later. */
  readonly #repeating = new Set<string>();
  /** Tags that a request was about to write. */
  readonly #begun = new Set<string>();
  /** Those of the request that failed; where none was sent, the first of its step. */
  readonly #failed = new Set<string>();
  /** What its tags named before the first run of this publish, as far as that is known. */
  #before: NamesOfTags;
  /** What its tags were last seen to name before they were to be written. */
  #seen: NamesOfTags = noNames;
  readonly #undone = new Map<string, Undone & { readonly state: TagState }>();
  #isHeldBack = false;

  constructor(looked: Looked, root: Digest, options: LedgerOptions) {
    this.at = looked.target.at;
    this.#looked = looked;
    this.#root = root;
    this.#options = options;
    this.#before = looked.before ?? noNames;
    this.#unsure = new UnsureWrites({ ...options, at: this.at, root });
    if (looked.state === "refused") this.#fail(looked.error);
  }

  get before(): NamesOfTags {
    return this.#before;
  }

  /** What some of its tags name, seen later than what it named before. */
  seen(names: NamesOfTags): void {
    this.#seen = withNames(this.#seen, names);
  }

  /** The target tells now what some of its tags name that are not written yet. */
  learn(before: NamesOfTags): void {
    this.#before = withNames(this.#before, before);
    for (const tag of Object.keys(before)) this.#doubtful.delete(tag);
  }

  /**
   * `steps`: what the plan holds for it. `isHeldBack`: nothing, because another target cannot be published to. `written`: tags
   * that an earlier run of the same publish has written; `doubtful`: those that it was about to write, where nobody says what they
   * name.
   */
  begin(
    steps: readonly TargetStep[],
    {
      isHeldBack,
      written,
      doubtful,
    }: { readonly isHeldBack: boolean } & Record<"written" | "doubtful", readonly string[]>,
  ): void {
    this.#isHeldBack = isHeldBack;
    for (const tag of doubtful) this.#doubtful.add(tag);
    const { report, clock } = this.#options;
    const name = formatLocation(this.at);
    this.#open = steps.length;
    const planned = plannedBy(steps);
    report({ type: "work-started", id: name, name: `pushing ${name}`, target: name, planned, at: clock.now() });
    for (const tag of written) this.#tellTagged(tag, undefined);
    if (this.#open === 0) this.#end();
  }

  tagging(tags: readonly string[]): void {
    for (const tag of tags) this.#begun.add(tag);
  }

  tagged(tag: string, { mayRepeat = false }: Tagged = {}): void {
    if (mayRepeat) this.#repeating.add(tag);
    this.#tellTagged(tag, this.#options.clock.now());
  }

  #tellTagged(tag: string, writtenAt: number | undefined): void {
    const { report, clock } = this.#options;
    this.#acknowledged.set(tag, writtenAt);
    report({
      type: "tag-done",
      target: formatLocation(this.at),
      tag,
      digest: this.#root,
      state: writtenState(this.#before[tag]),
      at: clock.now(),
    });
  }

  sent(bytes: number): void {
    this.#bytes.sent += bytes;
  }

  settle(step: TargetStep, outcome: StepOutcome): void {
    const { signal } = this.#options;
    if (step.kind === "tag" && outcome.state === "failed")
      this.#noteFailed(step.tags, asCancelled(outcome.error, signal));
    if (outcome.state === "not-attempted") this.#isHeldBack = true;
    if (outcome.state === "failed") this.#fail(outcome.error);
    if (outcome.state === "done" && step.kind === "stage" && step.role === "blob")
      this.#count(step.content, outcome.result);
    if (--this.#open === 0) this.#end();
  }

  /** The first failure counts. A store may reject with nothing: that is a failure all the same. */
  #fail(error: unknown): void {
    this.#error ??= error ?? noReason();
  }

  #noteFailed(tags: readonly string[], error: unknown): void {
    const open = tags.filter((tag) => !this.#acknowledged.has(tag));
    const begun = open.filter((tag) => this.#begun.has(tag));
    const isUnsent = error instanceof WaybillError && error.context.sent === "nothing";
    // Where the run is over, no tag is begun after one that was acknowledged.
    const isUntried = isUnsent || (begun.length === 0 && open.length < tags.length);
    if (this.#options.signal?.aborted && isUntried) return;
    for (const tag of begun.length > 0 ? begun : open.slice(0, 1)) this.#failed.add(tag);
    for (const tag of open) this.#unsure.add(tag, error);
  }

  #count(blob: Descriptor, result: string): void {
    if (result === "mounted" || result === "existed") this.#bytes[result] += blob.size;
  }

  #end(): void {
    const { report, clock, signal } = this.#options;
    this.#endedAt = clock.now();
    // A run that is cancelled before its first step leaves no failed step behind. What was done by then is done.
    if (signal?.aborted && this.#isHeldBack) this.#error ??= signal.reason;
    const held = this.#isHeldBack ? { code: "cancelled", message: "Cancelled: another target failed" } : undefined;
    const why =
      this.#error === undefined
        ? held && { error: held }
        : { error: failureOf(this.#error), reason: innermostMessage(this.#error) };
    report({ type: "work-done", id: formatLocation(this.at), at: this.#endedAt, ...why });
  }

  /** Puts the tags back that this run has moved and that are still ours. New ones stay unless they may be deleted. */
  async rollBack(options: Required<Pick<UndoOptions, "deleteCreated">>): Promise<void> {
    const siblings = this.#looked.target.tags.filter((tag) => this.#before[tag] === this.#root);
    for (const undone of await undo(this.at, await this.#moves(), { ...this.#options, ...options, siblings })) {
      if (undone.state === "kept") this.#fail(undone.error);
      else this.#undone.set(undone.tag, undone);
    }
  }

  async #moves(): Promise<readonly Move[]> {
    const open = this.#looked.target.tags.filter((tag) => this.#before[tag] !== this.#root);
    const written = await Promise.all(open.map((tag) => this.#isWritten(tag)));
    return open
      .filter((_tag, at) => written[at])
      .map((tag) => {
        const before = this.#before[tag];
        const mayRepeat = this.#repeating.has(tag);
        return { tag, ours: this.#root, mayRepeat, ...(before !== undefined && { before }) };
      });
  }

  async result(): Promise<TargetResult> {
    const { target, startedAt } = this.#looked;
    const tags = await Promise.all(target.tags.map((tag) => this.#tagResult(tag)));
    return {
      at: this.at,
      tags,
      sentBytes: this.#bytes.sent,
      mountedBytes: this.#bytes.mounted,
      skippedBytes: this.#bytes.existed,
      durationMs: (this.#endedAt ?? startedAt) - startedAt,
      heldBack:
        this.#error === undefined && this.#isHeldBack && (tags.length === 0 || tags.some((told) => this.#isOpen(told))),
      ...(this.#error !== undefined && { error: asCancelled(this.#error, this.#options.signal) }),
      ...(isFound(this.#looked) && { preflight: preflightResult(this.#looked) }),
    };
  }

  #isOpen({ tag, state }: TagResult): boolean {
    return state === "not-attempted" || (state === "failed" && this.#doubtful.has(tag));
  }

  async #tagResult(tag: string): Promise<TagResult> {
    const before = this.#before[tag];
    const writtenAt = this.#acknowledged.get(tag);
    const why = this.#undone.get(tag)?.why;
    const known = {
      ...(before !== undefined && { before }),
      ...(writtenAt !== undefined && { writtenAt }),
      ...(why !== undefined && { why }),
    };
    const state = await this.#stateOf(tag);
    if (state === "failed") return { tag, state, ...known, ...(await this.#doubtOf(tag)) };
    const now = this.#seen[tag];
    const isElsewhere = state === "not-attempted" && now !== undefined && now !== before;
    return { tag, state, ...known, ...(isElsewhere && { now }) };
  }

  /** What is known of a tag whose write has failed, where that may have done something. */
  async #doubtOf(tag: string): Promise<Doubt> {
    const undone = this.#undone.get(tag);
    if (undone?.state === "failed") return { mayDiffer: true, ...(undone.now !== undefined && { now: undone.now }) };
    return (await this.#unsure.doubtOf(tag, this.#before[tag])) ?? this.#doubtOfEarlier(tag);
  }

  /** What is known of a tag that this run has not changed. */
  #doubtOfEarlier(tag: string): Doubt {
    const now = this.#seen[tag] ?? this.#before[tag];
    if (!this.#doubtful.has(tag)) return { isUnwritten: true, ...(now !== undefined && { now }) };
    return { mayDiffer: true, why: "an earlier run wrote it, or was about to, and nobody can tell what it names now" };
  }

  async #stateOf(tag: string): Promise<TagState> {
    if (this.#before[tag] === this.#root) return "unchanged";
    const undone = this.#undone.get(tag);
    if (undone) return undone.state;
    if (await this.#isWritten(tag)) return writtenState(this.#before[tag]);
    return this.#failed.has(tag) || this.#doubtful.has(tag) ? "failed" : "not-attempted";
  }

  async #isWritten(tag: string): Promise<boolean> {
    return this.#acknowledged.has(tag) || this.#unsure.isDone(tag, this.#before[tag]);
  }
}

function plannedBy(steps: readonly TargetStep[]): { readonly blobs: number; readonly bytes: number } {
  const sizes = steps.flatMap((step) => (step.kind === "stage" && step.role === "blob" ? [step.content.size] : []));
  return { blobs: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
