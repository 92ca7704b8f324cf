import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import type { KnownTags } from "./named.ts";

interface Common {
  /** Unique within the plan; the same for the same work, so that a journal can recognise it. */
  readonly id: string;
  /** The target that the step works on. */
  readonly at: Location;
  /** Steps that must have succeeded before. */
  readonly after: readonly string[];
  /** A step that must have come to an end before, whatever became of it: an order without a need. */
  readonly behind?: string;
}

/** Asks whether a manifest is at the target already, with all that belongs to it; or, where that is not believed, content by itself. */
export interface CheckStep extends Common {
  readonly kind: "check";
  readonly content: Descriptor;
}

/** Makes one blob or manifest be at the target, by digest. How (mount, copy, send, nothing) is decided when it runs. */
export interface StageStep extends Common {
  readonly kind: "stage";
  readonly content: Descriptor;
  readonly role: "blob" | "manifest";
  /** Where the content can be read, best first; empty for what this run has assembled itself. */
  readonly from: readonly Location[];
  /** Other targets on the same registry that get the same blob first: it is mounted from there, or read there. */
  readonly siblings?: readonly Location[];
  /** Checks that together make the step unnecessary, when each of them finds what it asks for. */
  readonly unless?: readonly string[];
  /** The target says that it has it: it is asked for before it is sent. */
  readonly mayBeThere?: true;
  /** The root of a target that gets no tag: a place that lists its roots must list it all the same. */
  readonly isRoot?: true;
}

/** Asks whether what was staged is really there, by digest. Waits a while for registries that show their writes late. */
export interface VerifyStep extends Common {
  readonly kind: "verify";
  readonly content: Descriptor;
  /** As for what is staged. */
  readonly unless?: readonly string[];
}

/** Nothing that waits for it begins before all that it waits for is done, at whatever target. Costs no request. */
export interface BarrierStep {
  readonly kind: "barrier";
  readonly id: string;
  readonly after: readonly string[];
}

interface TagChange extends Common, KnownTags {
  readonly content: Descriptor;
  readonly tags: readonly string[];
}

/** Asks whether tags that shall be written name still what they named: so much may have happened that somebody else has moved one. */
export interface CompareStep extends TagChange {
  readonly kind: "compare";
}

/** Writes tags, in order, for content whose children are there. */
export interface TagStep extends TagChange {
  readonly kind: "tag";
  /** Ask for each tag once more before it is written; else only where nobody has asked for more than 10 s. */
  readonly compare: boolean;
  /** These tags name nothing yet, or nobody knows what: no roll-back can put them back, so they are written when all others are. */
  readonly irreversible?: true;
}

/** Reads tags back. */
export interface ConfirmStep extends Common {
  readonly kind: "confirm";
  readonly content: Descriptor;
  readonly tags: readonly string[];
}

/** One piece of work towards one target. Plain JSON. */
export type TargetStep = CheckStep | StageStep | VerifyStep | CompareStep | TagStep | ConfirmStep;

/** One piece of a plan. Plain JSON. */
export type Step = TargetStep | BarrierStep;

/** Steps in an order in which each comes after those it needs. Plain JSON. */
export interface Plan {
  readonly steps: readonly Step[];
}

/** The id of the step that does `kind` for `digest` at a target: the same in each plan for the same work. */
export function stepId(kind: TargetStep["kind"], digest: Digest, at: Location): string {
  return `${kind} ${digest} ${formatLocation(at)}`;
}
