import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { TimelineEvent } from "./collect.ts";

/** What a timeline is made of, as it is kept beside a run's journal. */
export interface KeptFilm {
  readonly title: string;
  readonly events: readonly TimelineEvent[];
  readonly dropped: number;
  /** What it cannot show, and what is known instead, a sentence each. */
  readonly notes?: readonly string[];
}

export function filmPath(runFolder: string): string {
  return join(runFolder, "timeline.json.gz");
}

/**
 * Writes it into the run's folder. Nobody waits for the disk: it is a picture, not a promise. Whoever runs us waits for the
 * process to end, so it is packed at once and lightly: streams of another thread take longer to set up than this takes. A process
 * that is ended meanwhile leaves none, or the one before.
 */
export async function keepFilm(runFolder: string, film: KeptFilm): Promise<void> {
  const path = filmPath(runFolder);
  const temporary = `${path}.tmp`;
  await writeFile(temporary, gzipSync(JSON.stringify(film), { level: 1 }), { mode: 0o600 });
  await rename(temporary, path);
}
