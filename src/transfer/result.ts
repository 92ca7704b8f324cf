import { WaybillError } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";
import type { Location } from "../spec/reference.ts";
import type { PreflightResult } from "./look.ts";
import type { Named } from "./named.ts";

/**
 * What a tag came to. `moved` is said, too, where nobody knows what it named. `failed` is said only where the tag does not name
 * the new content, or nobody can know. After a roll-back: `rolled-back` names what it named before, also where that was nothing;
 * `left-behind` is new, or nobody knows what it named; it names the new content, and was not taken away.
 */
export type TagState = "created" | "moved" | "unchanged" | "failed" | "rolled-back" | "left-behind" | "not-attempted";

/** What is true of every tag in a state. */
export interface StateFacts {
  /** The new content, what it named before, or nobody knows. */
  readonly names: "root" | "old" | "unknown";
  /** It names what was asked for, and nothing is left to do. */
  readonly isAsAsked: boolean;
  /** It was written by the run, or that was tried. */
  readonly wasTried: boolean;
}

/** Each state, with what is true of it. */
export const tagStates = {
  created: { names: "root", isAsAsked: true, wasTried: true },
  moved: { names: "root", isAsAsked: true, wasTried: true },
  unchanged: { names: "root", isAsAsked: true, wasTried: false },
  failed: { names: "unknown", isAsAsked: false, wasTried: true },
  "rolled-back": { names: "old", isAsAsked: false, wasTried: true },
  "left-behind": { names: "root", isAsAsked: false, wasTried: true },
  "not-attempted": { names: "old", isAsAsked: false, wasTried: false },
} as const satisfies Readonly<Record<TagState, StateFacts>>;

/** The state of a tag that was written, from what it named before. */
export function writtenState(before: Named | undefined): "created" | "moved" {
  return before === "absent" ? "created" : "moved";
}

/** What became of one tag of a target. */
export interface TagResult {
  readonly tag: string;
  readonly state: TagState;
  /** What it named before the first run of this publish, `absent` for nothing; missing where the target does not say. */
  readonly before?: Named;
  /** When this run's write was acknowledged, in milliseconds since the epoch. */
  readonly writtenAt?: number;
  /**
   * For `failed`, where its write was begun: what it was seen to name afterwards; missing where nobody could be asked. For
   * `not-attempted`: what it was seen to name, where somebody has moved it meanwhile.
   */
  readonly now?: Named;
  /** For `failed`: it names something else than before, or its write may have been done, and nobody can tell or it does not show. */
  readonly mayDiffer?: true;
  /** For `failed`: its write has changed nothing, for certain, nor has that of an earlier run. */
  readonly isUnwritten?: true;
  /** What else there is to say, such as why a new tag was left behind by a roll-back. May hold a registry's words. */
  readonly why?: string;
}

interface KnownOfTag {
  readonly state: TagState;
  readonly before?: Named | undefined;
  readonly now?: Named | undefined;
}

/** What a tag names now, `root` being the new content; missing where nobody can know. */
export function namedNow({ state, before, now }: KnownOfTag, root: Digest | undefined): Named | undefined {
  const { names } = tagStates[state];
  if (names === "root") return root;
  return names === "old" ? (now ?? before) : now;
}

/** What a publish did at one target; true also when it failed. */
export interface TargetResult {
  readonly at: Location;
  readonly tags: readonly TagResult[];
  /** Bytes of blobs that left towards the target, repeated ones included. */
  readonly sentBytes: number;
  readonly mountedBytes: number;
  readonly skippedBytes: number;
  readonly durationMs: number;
  /** Why the target is not complete; absent when it is, or when it was only held back. */
  readonly error?: unknown;
  /** Not tagged, or given up, because another target failed. */
  readonly heldBack: boolean;
  /** What was found out before anything was written; absent where that itself has failed. */
  readonly preflight?: PreflightResult;
}

/** True when everything that was asked for is at the target. */
export function isComplete({ error, heldBack, tags }: TargetResult): boolean {
  return error === undefined && !heldBack && tags.every(({ state }) => tagStates[state].isAsAsked);
}

/** What is told of a target that has failed with nothing. */
export function noReason(): WaybillError {
  return new WaybillError("internal", "Cannot tell why a target failed: it gave no reason");
}
