import { WaybillError, type ErrorContext } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";
import { recordFrom } from "../spec/json.ts";

/** What a tag names, `absent` for nothing. */
export type Named = Digest | "absent";

/**
 * What tags of one target name; a tag of which nobody knows it is not in it. Made without a prototype (`recordFrom`): a tag may be
 * called `constructor`.
 */
export type NamesOfTags = Readonly<Record<string, Named>>;

/** Of no tag is known what it names. */
export const noNames: NamesOfTags = recordFrom([]);

/** `names`, and what `more` tells beyond or against it. */
export function withNames(names: NamesOfTags, more: NamesOfTags): NamesOfTags {
  return recordFrom([...Object.entries(names), ...Object.entries(more)]);
}

/** What is known of a target's tags, and demanded of them. */
export interface KnownTags {
  /** What each tag named when it was looked at before the plan was made; one of which the target does not say is not in it. */
  readonly before: NamesOfTags;
  /** What tags that are not in `before` must name when they are asked for once more. */
  readonly demanded?: NamesOfTags;
}

/** For a sentence: `it names nothing now`. */
export function namedText(named: Named): string {
  return named === "absent" ? "nothing" : named;
}

/** For JSON: `null` for nothing. */
export function namedJson(named: Named): Digest | null {
  return named === "absent" ? null : named;
}

/** What a tag named first or, where nobody knew that, what it must name; and what it names now, where that is told. */
export interface Moved {
  readonly before: Named | undefined;
  readonly demanded?: Named | undefined;
  readonly now: Named | undefined;
}

/** That the tag `name` must not be moved, because it does not name what it did, or must. */
export function movedSince(name: string, { before, demanded, now }: Moved, context: ErrorContext): WaybillError {
  const must =
    before === undefined
      ? `it must name ${namedText(demanded ?? "absent")}`
      : `it named ${namedText(before)} when the publish began`;
  const seen = now === undefined ? "the registry does not say what it names" : `now ${namedText(now)}`;
  const message = `Cannot move tag "${name}": ${must}, ${seen}`;
  return new WaybillError("precondition_failed", message, { ...context, subject: name });
}
