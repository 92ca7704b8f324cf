import { join } from "node:path";
import { wallTime, type Clock } from "../async/clock.ts";
import { ioCall, lookAt, makeFolder } from "../disk/durable.ts";
import { Journal } from "../disk/journal.ts";
import { thisProcess } from "../disk/process-name.ts";
import { lockFolder, type FolderOwner } from "../disk/lock.ts";
import { hasCode, messageOf, WaybillError } from "../errors.ts";
import { formatLocation } from "../spec/reference.ts";
import type { Report } from "../telemetry/events.ts";
import { publicationId, type Publication } from "./publication.ts";
import { isOver, replayRun, writtenIn, type JournalEntry, type RecordedRun } from "./recorded-run.ts";
import {
  bothEarlier,
  lookedAgain,
  nothingEarlier,
  remembered,
  unrecorded,
  type Continued,
  type Earlier,
  type Held,
  type Recorder,
  type Recording,
} from "./recording.ts";
import { targetReports } from "./report.ts";
import { pruneRuns, readRun, requireOwn, runFolder } from "./runs.ts";

/** Where journals are kept, and for whom. */
export interface JournalOptions {
  /** The state folder. Made where it is missing, for its owner alone. */
  readonly folder: string;
  /** Who keeps them, default this process: two of them do not work on one publication. */
  readonly owner?: FolderOwner;
  readonly clock: Clock;
  readonly report: Report;
  /**
   * What is known from elsewhere, such as a report file, beside the journal. Given where a run of the past is gone on with, also
   * one that has come to its end.
   */
  readonly earlier?: Earlier;
}

/**
 * Takes publications down in journals in a state folder. A journal is a hint for whoever goes on, never the truth: without
 * it a rerun is as right, only slower. So a folder that cannot be written is one warning, and nothing else.
 */
export function journalRecorder(given: JournalOptions): Recorder {
  const options: Keeping = { ...given, owner: given.owner ?? thisProcess() };
  return {
    begin: (publication) => openRecording(publication, options),
    reopen: (publication) => hold(publication, options),
    async goOn(publication) {
      const run = await readRun(options.folder, publicationId(publication), options.owner.user);
      const isGoneOnWith = options.earlier !== undefined || (run !== undefined && !isOver(run));
      return isGoneOnWith ? openRecording(publication, options) : undefined;
    },
  };
}

interface Keeping extends JournalOptions {
  readonly owner: FolderOwner;
}

interface Opening {
  /** What was written is to be taken back: a run that has come to its end is gone on with, too. */
  readonly undoes: boolean;
}

async function openRecording(publication: Publication, options: Keeping): Promise<Recording> {
  const unlock = await lockRun(publication, options, "publish");
  return beginRecording(publication, { ...options, unlock }, { undoes: false });
}

async function hold(publication: Publication, options: Keeping): Promise<Held> {
  let unlock = await lockRun(publication, options, "roll back");
  const handOver = () => {
    const handed = unlock;
    unlock = undefined;
    return handed;
  };
  return {
    begin: () => beginRecording(publication, { ...options, unlock: handOver() }, { undoes: true }),
    [Symbol.asyncDispose]: async () => handOver()?.().catch(() => undefined),
  };
}

type Unlock = () => Promise<void>;

/** @returns what unlocks it; `undefined` where no journal can be kept, which is told. @throws WaybillError `busy` */
async function lockRun(
  publication: Publication,
  options: Keeping,
  doing: "publish" | "roll back",
): Promise<Unlock | undefined> {
  const { folder, owner } = options;
  const id = publicationId(publication);
  const place = runFolder(folder, id);
  try {
    await requireOwn(folder, id, owner.user);
    const unlock = await ioCall(`lock "${place}"`, async () => {
      await makeFolder(place);
      return lockFolder(place, owner);
    });
    if (!unlock) throw atWork(place, doing);
    return unlock;
  } catch (error) {
    if (hasCode(error, "busy")) throw error;
    warn(error, options);
    return undefined;
  }
}

/** Takes the lock over. Without one nothing is taken down. */
async function beginRecording(
  publication: Publication,
  options: Keeping & { readonly unlock: Unlock | undefined },
  opening: Opening,
): Promise<Recording> {
  const { folder, unlock, earlier: elsewhere } = options;
  const goOn = opening.undoes ? remembered : lookedAgain;
  const unkept = () => unrecorded(goOn(publication, elsewhere ?? nothingEarlier));
  if (!unlock) return unkept();
  try {
    const path = join(runFolder(folder, publicationId(publication)), "journal");
    const isKept = opening.undoes || elsewhere !== undefined;
    const { journal, run } = await ioCall(`open "${path}"`, () => openJournal(path, { isKept }));
    const earlier = bothEarlier(elsewhere ?? nothingEarlier, run?.earlier ?? nothingEarlier);
    const recording = new JournalRecording(goOn(publication, earlier), { ...options, journal, path, unlock });
    await recording.begin(opening);
    return recording;
  } catch (error) {
    await unlock().catch(() => undefined);
    warn(error, options);
    return unkept();
  }
}

/** Opens the journal. One whose publication has come to its end is begun anew, unless that is kept. */
async function openJournal(
  path: string,
  { isKept }: { readonly isKept: boolean },
): Promise<{ journal: Journal; run: RecordedRun | undefined }> {
  const replay = replayRun();
  const journal = await Journal.open(path, (entry) => replay.add(entry));
  const run = replay.run();
  if (!run || isKept || !isOver(run)) return { journal, run };
  await journal[Symbol.asyncDispose]();
  await Journal.rewrite(path, []);
  return { journal: await Journal.open(path, () => undefined), run: undefined };
}

function atWork(place: string, doing: string): WaybillError {
  const advice = `wait for it; delete "${join(place, "lock")}" only if the process that it names is no waybill`;
  const seen = "another process is publishing the same image to the same tags, or this one is";
  return new WaybillError("busy", `Cannot ${doing}: ${seen}`, { advice });
}

function warn(error: unknown, { report, clock }: Pick<JournalOptions, "report" | "clock">): void {
  report({
    type: "warning",
    message: `No journal is kept, so that an interrupted publish cannot be resumed but only run again: ${messageOf(error)}`,
    at: clock.now(),
  });
}

interface Parts extends Keeping {
  readonly journal: Journal;
  readonly path: string;
  readonly unlock: Unlock;
}

class JournalRecording implements Recording {
  id: string | undefined;
  readonly publication: Publication;
  readonly earlier: Earlier;
  readonly #parts: Parts;
  #isBroken = false;

  constructor({ publication, earlier }: Continued, parts: Parts) {
    this.id = publicationId(publication);
    this.publication = publication;
    this.earlier = earlier;
    this.#parts = parts;
  }

  /** @throws WaybillError `disk_full`, `io_failed` */
  async begin({ undoes }: Opening): Promise<void> {
    const { journal, clock } = this.#parts;
    const { publication, earlier } = this;
    const written = writtenIn(publication, earlier);
    const begun = { type: "begin", at: clock.now(), publication, written } as const;
    await journal.append({ ...begun, ...(undoes && { undoes }) } satisfies JournalEntry);
  }

  looked: NonNullable<Recording["looked"]> = (at, before) => {
    void this.#write({ type: "looked", target: formatLocation(at), before }, "note");
  };

  session: NonNullable<Recording["session"]> = (at, blob, session) => {
    const place = { target: formatLocation(at), blob };
    void this.#write({ type: "session", ...place, ...(session !== undefined && { session }) }, "note");
  };

  tagging: Recording["tagging"] = (at, tags) =>
    this.#write({ type: "tagging", target: formatLocation(at), tags, at: this.#parts.clock.now() }, "append");

  tagged: Recording["tagged"] = (at, tag) => {
    void this.#write({ type: "tagged", target: formatLocation(at), tag }, "note");
  };

  end: Recording["end"] = async ({ state, results }) => {
    const { clock, folder, owner } = this.#parts;
    const targets = targetReports(results, this.publication.root.digest);
    const now = clock.now();
    const pruned = pruneRuns(folder, { now: wallTime(clock), owner }).catch(() => undefined);
    await this.#write({ type: "end", at: now, state, targets }, "append");
    await pruned;
    await this.#lookForFile();
  };

  /** A file that somebody has deleted can be written to as before; only nobody finds it any more. */
  async #lookForFile(): Promise<void> {
    const { path } = this.#parts;
    const isThere = await lookAt(path).then(
      (seen) => seen !== undefined,
      () => true,
    );
    if (isThere) return;
    if (!this.#isBroken) warn(new WaybillError("io_failed", `"${path}" was deleted meanwhile`), this.#parts);
    this.id = undefined;
  }

  async #write(entry: JournalEntry, how: "append" | "note"): Promise<void> {
    if (this.#isBroken) return;
    try {
      await this.#parts.journal[how](entry);
    } catch (error) {
      if (!this.#isBroken) warn(error, this.#parts);
      this.#isBroken = true;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { journal, unlock } = this.#parts;
    await journal[Symbol.asyncDispose]();
    await unlock().catch(() => undefined);
  }
}
