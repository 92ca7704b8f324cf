import * as v from "valibot";
import { lastTimeMs } from "../async/clock.ts";
import { isDigest, type Digest } from "../spec/digest.ts";
import type { Named } from "./named.ts";
import {
  beforeSchema,
  publicationId,
  publicationSchema,
  type Publication,
  type PublicationTarget,
} from "./publication.ts";
import { blobName, tagName, withBefore, type Earlier, type Ending } from "./recording.ts";
import { targetReportSchema, type TargetReport } from "./report.ts";

const digest = v.custom<Digest>(isDigest, "not a digest");
const place = v.pipe(v.string(), v.maxLength(4096));
const at = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(lastTimeMs));

/** One line of a journal. Hints for whoever goes on: registries are asked before anything is believed. */
const entrySchema = v.variant("type", [
  v.object({ type: v.literal("begin"), at, publication: publicationSchema, undoes: v.optional(v.boolean()) }),
  v.object({ type: v.literal("looked"), target: place, before: beforeSchema }),
  v.object({
    type: v.literal("session"),
    target: place,
    blob: digest,
    session: v.optional(v.pipe(v.string(), v.maxLength(16_384))),
  }),
  v.object({ type: v.literal("tagging"), target: place, tags: v.pipe(v.array(v.string()), v.readonly()) }),
  v.object({ type: v.literal("tagged"), target: place, tag: v.string() }),
  v.object({
    type: v.literal("end"),
    at,
    state: v.picklist(["done", "failed", "interrupted", "rolled-back"]),
    targets: v.pipe(v.array(targetReportSchema), v.readonly()),
  }),
]);

export type JournalEntry = v.InferOutput<typeof entrySchema>;

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
  readonly before: Map<string, Named>;
  readonly written: Set<string>;
  readonly sessions: Map<string, string>;
}

/** Adds entries up to what is known of a run. What is no entry, or comes before the first beginning, is passed over. */
export function replayRun(): { add(raw: unknown): void; run(): RecordedRun | undefined } {
  const replay: Replay = { run: undefined, before: new Map(), written: new Set(), sessions: new Map() };
  return {
    add(raw) {
      const parsed = v.safeParse(entrySchema, raw);
      if (parsed.success) apply(replay, parsed.output);
    },
    run: () => replay.run && { ...replay.run, earlier: replay },
  };
}

function apply(replay: Replay, entry: JournalEntry): void {
  if (entry.type === "begin") return begin(replay, entry);
  if (!replay.run) return;
  switch (entry.type) {
    case "looked":
      replay.run = { ...replay.run, publication: withBefore(replay.run.publication, entry.target, entry.before) };
      return noteBefore(replay, entry);
    case "session":
      return noteSession(replay.sessions, entry);
    case "tagging":
      for (const tag of entry.tags) replay.written.add(tagName(entry.target, tag));
      return;
    case "tagged":
      replay.written.add(tagName(entry.target, entry.tag));
      return;
    default:
      replay.run = { ...replay.run, state: entry.state, changedAt: entry.at, targets: entry.targets };
  }
}

function begin(replay: Replay, entry: Extract<JournalEntry, { type: "begin" }>): void {
  const { at: begunAt, publication, undoes = false } = entry;
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
  for (const target of publication.targets) noteBefore(replay, target);
}

function noteBefore(replay: Replay, { target, before }: Pick<PublicationTarget, "target" | "before">): void {
  for (const [tag, named] of Object.entries(before)) replay.before.set(tagName(target, tag), named);
}

function noteSession(
  sessions: Map<string, string>,
  { target, blob, session }: Extract<JournalEntry, { type: "session" }>,
): void {
  const name = blobName(target, blob);
  if (session === undefined) sessions.delete(name);
  else sessions.set(name, session);
}
