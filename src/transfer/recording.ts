import type { Digest } from "../spec/digest.ts";
import { recordFrom } from "../spec/json.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import type { PublishTarget } from "./look.ts";
import type { Named, NamesOfTags } from "./named.ts";
import type { TargetResult } from "./result.ts";
import type { Publication } from "./publication.ts";
import { pastOfBoth, pastSeen, tagPast, type TagPast } from "./tag-past.ts";

/**
 * Hears what a publish does, in time for whoever has to go on with it after a crash. No method rejects or throws: what
 * cannot be written down is told as news, and the publish goes on.
 */
export interface Witness {
  /** What the tags of a target named before that was not known when the publication was begun. */
  looked?(at: Location, before: NamesOfTags): void;
  /** An upload has another place, or is over. Without it nobody goes on with uploads: one that is cancelled is given up at the registry. */
  session?(at: Location, blob: Digest, session: string | undefined): void;
  /** Tags are about to be written: resolves when that is known to survive. */
  tagging(at: Location, tags: readonly string[]): Promise<void>;
  tagged(at: Location, tag: string): void;
  /** All has come to an end. Resolves when that is written. */
  end(ending: Ending): Promise<void>;
}

/** How a publish ended. */
export interface Ending {
  readonly state: "done" | "failed" | "interrupted" | "rolled-back";
  readonly results: readonly TargetResult[];
  /** What came before any target could fail, such as a source that is not there. */
  readonly error?: unknown;
}

/** What the runs before this one have left of the same publication. */
export interface Earlier {
  /** What they know of tags, and have done to them; by `tagName`. */
  readonly tags: ReadonlyMap<string, TagPast>;
  /** Uploads that are still open; by `blobName`. */
  readonly sessions: ReadonlyMap<string, string>;
}

/** A publication whose targets' `before` is from before all its runs, with what those have left. */
export interface Continued {
  readonly publication: Publication;
  readonly earlier: Earlier;
}

/** A witness that knows what came before. */
export interface Hearing extends Witness {
  readonly earlier: Earlier;
}

/** A publication that is being taken down. Disposing lets others have it. */
export interface Recording extends Hearing, AsyncDisposable {
  /** What `waybill resume` takes to go on; absent where nothing is kept, or was found at the end, that could be gone on with. */
  readonly id?: string;
  readonly publication: Publication;
}

/** A publication that nobody else works on. Disposing lets others have it, unless it was begun: then its recording does. */
export interface Held extends AsyncDisposable {
  /** Goes on with what earlier runs have left, also where they have come to their end: what they wrote is taken back now. Called once. */
  begin(): Promise<Recording>;
}

/** Takes publications down. */
export interface Recorder {
  /**
   * Goes on with what an earlier run of the same publication has left, else begins.
   *
   * @throws WaybillError `busy` where another process is at it.
   */
  begin(publication: Publication): Promise<Recording>;
  /** Keeps others from a publication of which something may have to be taken back. Nothing is written yet. @throws as `begin` */
  reopen(publication: Publication): Promise<Held>;
  /** The same for an earlier run that has not ended well; `undefined`, and nothing is written, where there is none. */
  goOn(publication: Publication): Promise<Recording | undefined>;
}

export const nothingEarlier: Earlier = { tags: new Map(), sessions: new Map() };

/** Takes nothing down, and knows of nothing earlier. */
export const unheard: Hearing = {
  earlier: nothingEarlier,
  tagging: async () => undefined,
  tagged: () => undefined,
  end: async () => undefined,
};

/** Whether there was a run before this one. */
export function isContinued({ earlier: { tags, sessions } }: Pick<Recording, "earlier">): boolean {
  return tags.size + sessions.size > 0;
}

/** `docker.io/acme/app:1.4.2`. */
export function tagName(at: Location | string, tag: string): string {
  return `${typeof at === "string" ? at : formatLocation(at)}:${tag}`;
}

/** Names a blob at a target. */
export function blobName(at: Location | string, blob: Digest): string {
  return `${blob} ${typeof at === "string" ? at : formatLocation(at)}`;
}

/** What is known of the tags of a publication whose writes have come so far, by `tagName`. */
export function earlierOf(
  { root, targets }: Publication,
  writes: ReadonlyMap<string, TagPast["write"]>,
  sessions: Earlier["sessions"] = new Map(),
): Earlier {
  const pasts = targets.flatMap(({ target, tags, before }) =>
    tags.map((tag) => {
      const name = tagName(target, tag);
      return [name, tagPast(before[tag], writes.get(name), root.digest)] as const;
    }),
  );
  return { tags: new Map(pasts), sessions };
}

/**
 * What two accounts of a publication know together, such as its journal and its report. Nothing that either knows as written is
 * lost; of two that contradict, `one` is believed.
 */
export function bothEarlier(one: Earlier, other: Earlier): Earlier {
  const names = new Set([...one.tags.keys(), ...other.tags.keys()]);
  return {
    tags: new Map([...names].map((name) => [name, pastOfBoth(one.tags.get(name), other.tags.get(name))])),
    sessions: new Map([...other.sessions, ...one.sessions]),
  };
}

/**
 * Goes on with a publication whose targets have just been looked at: with what each tag named before the first of all its
 * runs, so that a tag that names the root now because an earlier run has moved it is not told as unchanged.
 */
export function lookedAgain(publication: Publication, earlier: Earlier): Continued {
  const root = publication.root.digest;
  return remembering(publication, earlier, (past, now) => pastSeen(past, now, root));
}

/** The publication as `earlier` knows it: what its tags name now, nobody has asked. */
export function remembered(publication: Publication, earlier: Earlier): Continued {
  const root = publication.root.digest;
  return remembering(publication, earlier, (past, told) =>
    past?.write === undefined ? tagPast(told, undefined, root) : past,
  );
}

function remembering(
  publication: Publication,
  earlier: Earlier,
  pastOf: (past: TagPast | undefined, told: Named | undefined) => TagPast,
): Continued {
  const tags = new Map(earlier.tags);
  const targets = publication.targets.map((told) => {
    const pasts = told.tags.map((tag) => {
      const name = tagName(told.target, tag);
      const past = pastOf(earlier.tags.get(name), told.before[tag]);
      if (earlier.tags.has(name)) tags.set(name, past);
      return [tag, past] as const;
    });
    return { ...told, before: namesBefore(pasts) };
  });
  return { publication: { ...publication, targets }, earlier: { ...earlier, tags } };
}

/** What tags named before the first of all runs, from what they name now. What an earlier run wrote is known also where nobody says what it names now. */
export function sinceFirst(
  { at, tags }: PublishTarget,
  now: NamesOfTags,
  { root, earlier }: { readonly root: Digest; readonly earlier: Earlier },
): NamesOfTags {
  return namesBefore(tags.map((tag) => [tag, pastSeen(earlier.tags.get(tagName(at, tag)), now[tag], root)]));
}

function namesBefore(pasts: readonly (readonly [tag: string, past: TagPast])[]): NamesOfTags {
  return recordFrom(pasts.flatMap(([tag, { before }]) => (before === undefined ? [] : [[tag, before] as const])));
}

/** The publication with what the tags of one target named before. */
export function withBefore(publication: Publication, target: string, before: NamesOfTags): Publication {
  const targets = publication.targets.map((told) => (told.target === target ? { ...told, before } : told));
  return { ...publication, targets };
}

/** One that tells all of `witnesses`. */
export function allWitnesses(witnesses: readonly Witness[]): Witness {
  const keepsSessions = witnesses.some((witness) => witness.session !== undefined);
  return {
    looked: (at, before) => witnesses.forEach((witness) => witness.looked?.(at, before)),
    ...(keepsSessions && {
      session: (at, blob, session) => witnesses.forEach((witness) => witness.session?.(at, blob, session)),
    }),
    tagging: async (at, tags) => void (await Promise.all(witnesses.map((witness) => witness.tagging(at, tags)))),
    tagged: (at, tag) => witnesses.forEach((witness) => witness.tagged(at, tag)),
    end: async (ending) => void (await Promise.all(witnesses.map((witness) => witness.end(ending)))),
  };
}

/** A recording that knows what was and takes nothing down. */
export function unrecorded(continued: Continued): Recording {
  return {
    ...unheard,
    ...continued,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
