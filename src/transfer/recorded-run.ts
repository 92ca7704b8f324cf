import * as v from "valibot";
import { lastTimeMs } from "../async/clock.ts";
import { isDigest, type Digest } from "../spec/digest.ts";
import { beforeSchema, publicationId, publicationSchema, type Publication } from "./publication.ts";
import { blobName, earlierOf, tagName, withBefore, type Earlier, type Ending } from "./recording.ts";
import { targetReportSchema, writeTold, type TargetReport } from "./report.ts";
import type { TagPast } from "./tag-past.ts";

const digest = v.custom<Digest>(isDigest, "not a digest");
const place = v.pipe(v.string(), v.maxLength(4096));
const write = v.picklist(["begun", "acknowledged"]);
const at = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(lastTimeMs));

/** One line of a journal. Hints for whoever goes on: registries are asked before anything is believed. */
const entrySchema = v.variant("type", [
  v.object({
    type: v.literal("begin"),
    at,
    publication: publicationSchema,
    undoes: v.optional(v.boolean()),
    /** All that is known as written when it begins, by this journal or from elsewhere. Absent: what the entries before it tell. */
    written: v.optional(v.pipe(v.array(v.object({ target: place, tag: v.string(), write })), v.readonly())),
  }),
  v.object({ type: v.literal("looked"), target: place, before: beforeSchema }),
  v.object({
    type: v.literal("session"),
    target: place,
    blob: digest,
    session: v.optional(v.pipe(v.string(), v.maxLength(16_384))),
  }),
  v.object({
    type: v.literal("tagging"),
    target: place,
    tags: v.pipe(v.array(v.string()), v.readonly()),
    at: v.optional(at),
  }),
  v.object({ type: v.literal("tagged"), target: place, tag: v.string() }),
  v.object({
    type: v.literal("end"),
    at,
    state: v.picklist(["done", "failed", "interrupted", "rolled-back"]),
    targets: v.pipe(v.array(targetReportSchema), v.readonly()),
  }),
]);

export type JournalEntry = v.InferOutput<typeof entrySchema>;
type Begin = Extract<JournalEntry, { type: "begin" }>;

/** A publication and what became of it, as its journal tells. */
export interface RecordedRun {
  readonly id: string;
  readonly publication: Publication;
  /** Milliseconds since the epoch: the first run's beginning, and the last thing that is dated. */
  readonly startedAt: number;
  readonly changedAt: number;
  /** `unfinished`: it is still running, or its process ended without a word. */
  readonly state: "unfinished" | Ending["state"];
  /** Its last run was to take back what those before had written. */
  readonly undoes: boolean;
  readonly earlier: Earlier;
  /** What the last run that came to an end told of each target. */
  readonly targets: readonly TargetReport[];
}

/** True where there is nothing to go on with. */
export function isOver({ state }: RecordedRun): boolean {
  return state === "done" || state === "rolled-back";
}

interface Replay {
  run: Omit<RecordedRun, "earlier"> | undefined;
  /** How far tags have come to be written; by `tagName`. */
  readonly writes: Writes;
  /** The same when the last run began: what is true again of a tag that it has left alone. */
  atBegin: Writes;
  readonly sessions: Map<string, string>;
}

type Writes = Map<string, NonNullable<TagPast["write"]>>;

/** Adds entries up to what is known of a run. What is no entry, or comes before the first beginning, is passed over. */
export function replayRun(): { add(raw: unknown): void; run(): RecordedRun | undefined } {
  const replay: Replay = { run: undefined, writes: new Map(), atBegin: new Map(), sessions: new Map() };
  return {
    add(raw) {
      const parsed = v.safeParse(entrySchema, raw);
      if (parsed.success) apply(replay, parsed.output);
    },
    run: () =>
      replay.run && { ...replay.run, earlier: earlierOf(replay.run.publication, replay.writes, replay.sessions) },
  };
}

function apply(replay: Replay, entry: JournalEntry): void {
  if (entry.type === "begin") return begin(replay, entry);
  if (!replay.run) return;
  switch (entry.type) {
    case "looked":
      replay.run = { ...replay.run, publication: withBefore(replay.run.publication, entry.target, entry.before) };
      return;
    case "session":
      return noteSession(replay.sessions, entry);
    case "tagging":
      for (const name of entry.tags.map((tag) => tagName(entry.target, tag)))
        replay.writes.set(name, replay.writes.get(name) ?? "begun");
      replay.run = { ...replay.run, changedAt: entry.at ?? replay.run.changedAt };
      return;
    case "tagged":
      replay.writes.set(tagName(entry.target, entry.tag), "acknowledged");
      return;
    default:
      for (const target of entry.targets) noteEnd(replay, target);
      replay.run = { ...replay.run, state: entry.state, changedAt: entry.at, targets: entry.targets };
  }
}

function begin(replay: Replay, entry: Begin): void {
  const { at: begunAt, publication, undoes = false, written } = entry;
  const startedAt = replay.run?.startedAt ?? begunAt;
  const id = publicationId(publication);
  replay.run = {
    id,
    publication,
    startedAt,
    changedAt: begunAt,
    state: "unfinished",
    undoes,
    targets: replay.run?.targets ?? [],
  };
  if (written) replay.writes.clear();
  for (const { target, tag, write } of written ?? []) replay.writes.set(tagName(target, tag), write);
  replay.atBegin = new Map(replay.writes);
}

/** What was only about to be done is known now, as far as it is told. */
function noteEnd({ writes, atBegin }: Replay, { target, tags }: TargetReport): void {
  for (const told of tags) {
    const name = tagName(target, told.tag);
    const write = writeTold(told);
    if (write === "begun") continue;
    const left = told.state === "rolled-back" ? undefined : atBegin.get(name);
    const now = write ?? left;
    if (now === undefined) writes.delete(name);
    else writes.set(name, now);
  }
}

/** For a journal: what of `earlier` is known as written. */
export function writtenIn({ targets }: Publication, { tags: pasts }: Earlier): Begin["written"] {
  return targets.flatMap(({ target, tags }) =>
    tags.flatMap((tag) => {
      const write = pasts.get(tagName(target, tag))?.write;
      return write === undefined ? [] : [{ target, tag, write }];
    }),
  );
}

function noteSession(
  sessions: Map<string, string>,
  { target, blob, session }: Extract<JournalEntry, { type: "session" }>,
): void {
  const name = blobName(target, blob);
  if (session === undefined) sessions.delete(name);
  else sessions.set(name, session);
}
