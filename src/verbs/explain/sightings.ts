import type { Failure } from "./failure.ts";
import type { Line } from "./lines.ts";
import { compile, firstParts, placeOf, type Compiled, type Place } from "./signs.ts";
import { readTraces, stackStart } from "./traces.ts";

/** A failure that a log shows, where it does so first, and how often. */
export interface Sighting {
  readonly failure: Failure;
  readonly place: Place;
  /** The function that told one crash from another. */
  readonly frame?: Place;
  readonly count: number;
}

/** Watches for failures line by line. */
export interface Watch {
  see(line: Line): void;
  /** What was seen, in the order of first appearance. Call it at the end. */
  sightings(): readonly Sighting[];
}

/**
 * Makes a watch that has seen nothing. Keeps the first place of each failure and nothing else of the log. A line costs time
 * linear in its length.
 */
export function watchFor(failures: readonly Failure[]): Watch {
  const compiled = failures.map(compile);
  const anything = firstParts([[stackStart], ...compiled.flatMap(({ signs, frames }) => [...signs, ...frames])]);
  const seen = new Map<Failure, Sighting>();
  const note = (failure: Failure, place: Place, frame?: Place): void => {
    const before = seen.get(failure);
    const first = { failure, place, count: 1, ...(frame && { frame }) };
    seen.set(failure, before ? { ...before, count: before.count + 1 } : first);
  };
  const plain = compiled.filter(({ frames }) => frames.length === 0);
  const traces = readTraces(
    compiled.filter(({ frames }) => frames.length > 0),
    note,
  );
  return {
    see(line) {
      const text = line.text.toLowerCase();
      if (!anything.test(text)) return;
      traces.see(line, text);
      for (const [failure, place] of shownBy(plain, line, text)) note(failure, place);
    },
    sightings() {
      traces.end();
      return [...seen.values()].sort((a, b) => a.place.line - b.place.line);
    },
  };
}

/** What one line shows, without what is only the more general name for it. */
function shownBy(plain: readonly Compiled[], line: Line, text: string): readonly (readonly [Failure, Place])[] {
  const matched = plain.flatMap(({ failure, signs }) => {
    const place = placeOf(signs, line, text);
    return place ? [[failure, place] as const] : [];
  });
  const covered = new Set(matched.flatMap(([{ covers = [] }]) => covers));
  return matched.filter(([{ id }]) => !covered.has(id));
}
