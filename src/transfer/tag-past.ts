import type { Digest } from "../spec/digest.ts";
import type { Named } from "./named.ts";

/** What the runs of a publication know of one of its tags, and have done to it. */
export interface TagPast {
  /**
   * What it named before the first of those runs that wrote it; of one that none wrote, when it was last looked at. Absent
   * where nobody knows.
   */
  readonly before?: Named;
  /**
   * `begun`: it was about to be written, and nobody has heard what came of it. Absent: no run has changed it, or what was
   * changed is put back.
   */
  readonly write?: "begun" | "acknowledged";
}

/** What is known of a tag. One that named `root` before all runs is not ours, whoever wrote it once more. */
export function tagPast(before: Named | undefined, write: TagPast["write"], root: Digest): TagPast {
  const isOurs = write !== undefined && before !== root;
  return { ...(before !== undefined && { before }), ...(isOurs && { write }) };
}

/** What is known of a tag that names `now`; `undefined` where nobody says so. */
export function pastSeen(past: TagPast | undefined, now: Named | undefined, root: Digest): TagPast {
  if (past?.write === undefined) return tagPast(now, undefined, root);
  if (now === undefined) return past;
  if (now === root) return { ...past, write: "acknowledged" };
  // Somebody has put it back, or taken it away; or the registry shows late what was written, or does not find it for a moment.
  if (now === past.before || now === "absent") return { ...past, write: "begun" };
  return tagPast(now, undefined, root);
}

/**
 * What two accounts know of a tag together. What a run wrote is ours, whatever the other account knows; of two that both know, `one`
 * is believed.
 */
export function pastOfBoth(one: TagPast = {}, other: TagPast = {}): TagPast {
  if (one.write === undefined && other.write !== undefined) return other;
  if (one.write !== undefined && other.write === undefined) return one;
  const write = [one.write, other.write].includes("acknowledged") ? "acknowledged" : one.write;
  const before = one.before ?? other.before;
  return { ...(before !== undefined && { before }), ...(write !== undefined && { write }) };
}
