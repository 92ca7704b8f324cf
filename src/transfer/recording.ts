import type { Digest } from "../spec/digest.ts";
import { recordFrom } from "../spec/json.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import type { Named, NamesOfTags } from "./named.ts";
import type { TargetResult } from "./result.ts";
import type { Publication } from "./publication.ts";

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
  /** What tags named before the first of those runs; by `tagName`. */
  readonly before: ReadonlyMap<string, Named>;
  /** Tags that one of them wrote, or was about to write; by `tagName`. */
  readonly written: ReadonlySet<string>;
  /** Uploads that are still open; by `blobName`. */
  readonly sessions: ReadonlyMap<string, string>;
}

/** A witness that knows what came before. */
export interface Hearing extends Witness {
  readonly earlier: Earlier;
}

/** A publication that is being taken down. Disposing lets others have it. */
export interface Recording extends Hearing, AsyncDisposable {
  /** What `waybill resume` takes to go on; absent where nothing is kept that could be gone on with. */
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

export const nothingEarlier: Earlier = { before: new Map(), written: new Set(), sessions: new Map() };

/** Takes nothing down, and knows of nothing earlier. */
export const unheard: Hearing = {
  earlier: nothingEarlier,
  tagging: async () => undefined,
  tagged: () => undefined,
  end: async () => undefined,
};

/** Whether there was a run before this one. */
export function isContinued({ earlier: { before, written, sessions } }: Pick<Recording, "earlier">): boolean {
  return before.size + written.size + sessions.size > 0;
}

/** `docker.io/acme/app:1.4.2`. */
export function tagName(at: Location | string, tag: string): string {
  return `${typeof at === "string" ? at : formatLocation(at)}:${tag}`;
}

/** Names a blob at a target. */
export function blobName(at: Location | string, blob: Digest): string {
  return `${blob} ${typeof at === "string" ? at : formatLocation(at)}`;
}

/**
 * The publication with what each tag named before the first of all its runs: a tag that names the root now because an
 * earlier run has moved it is not told as unchanged.
 */
export function continued(publication: Publication, earlier: Earlier): Publication {
  const { root, targets } = publication;
  return {
    ...publication,
    targets: targets.map((told) => ({
      ...told,
      before: sinceFirst(told.target, told.before, { root: root.digest, earlier }),
    })),
  };
}

/** What tags named before the first of all runs, from what they name now. What an earlier run wrote is known also where nobody says what it names now. */
export function sinceFirst(
  target: Location | string,
  now: NamesOfTags,
  { root, earlier }: { readonly root: Digest; readonly earlier: Earlier },
): NamesOfTags {
  const written = [...earlier.before].filter(([name]) => earlier.written.has(name));
  const known = written.flatMap(([name, digest]) => {
    const tag = tagAt(target, name);
    return tag === undefined || Object.hasOwn(now, tag) ? [] : [[tag, digest] as const];
  });
  const seen = Object.entries(now).map(([tag, digest]) => {
    const name = tagName(target, tag);
    const isOurs = digest === root && earlier.written.has(name);
    return [tag, isOurs ? (earlier.before.get(name) ?? digest) : digest] as const;
  });
  return recordFrom([...known, ...seen]);
}

/** The tag that `tagName` has named; `undefined` for one of another target. */
function tagAt(target: Location | string, name: string): string | undefined {
  const beginning = tagName(target, "");
  return name.startsWith(beginning) ? name.slice(beginning.length) : undefined;
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
export function unrecorded(publication: Publication, earlier: Earlier): Recording {
  return {
    ...unheard,
    publication: continued(publication, earlier),
    earlier,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
