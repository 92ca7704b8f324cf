import type { RecordedRun } from "../../transfer/recorded-run.ts";
import { tagName } from "../../transfer/recording.ts";
import type { KeptFilm } from "./keep.ts";

/** What `film` cannot show. */
export function notesOf({ events, notes }: KeptFilm): readonly string[] {
  if (notes) return notes;
  const isWatched = events.length === 0 || events.some(({ type }) => type === "http");
  if (isWatched) return [];
  return [
    "Requests, retries and throughput are not known of this run: they are taken down with --timeline FILE or -D.",
  ];
}

/**
 * The film of a run of which nothing is left but its journal: no times, but what was to be done and which tags were written.
 * `resume`: what is typed to finish it.
 */
export function journalFilm(run: RecordedRun, resume: string): KeptFilm {
  const { id, publication, startedAt, state, earlier } = run;
  const { root, targets } = publication;
  const why =
    state === "unfinished"
      ? "its process was killed, or is still running"
      : "it ended without having kept any, or a later run of the same publish has taken its place";
  const lines = targets.map(({ target, tags }) => {
    const states = tags.map(
      (tag) => `${tag} ${earlier.tags.get(tagName(target, tag))?.write ? "written, or begun" : "not written"}`,
    );
    return `${target}: ${states.join(", ")}`;
  });
  return {
    title: `waybill run ${id}`,
    events: [],
    dropped: 0,
    notes: [
      `There is nothing to draw of this run: ${why}. Its journal knows no times but its beginning.`,
      `It began at ${new Date(startedAt).toISOString()} and was to publish ${root.digest}.`,
      ...lines,
      ...(state === "unfinished" ? [`To finish it: ${resume}`] : []),
    ],
  };
}
