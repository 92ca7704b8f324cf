import type { Failure } from "./failure.ts";
import type { Line } from "./lines.ts";

/** A place in a log. */
export interface Place {
  readonly line: number;
  /** The whole line, as foreign as the log. */
  readonly text: string;
  /** Where in `text` the sign is, in characters. */
  readonly at: number;
  readonly length: number;
}

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

/** How each stack of a Go trace begins. */
const stackStart = "goroutine ";

/** A crash whose trace is being read. */
interface Trace {
  readonly place: Place;
  readonly candidates: readonly Compiled[];
  readonly frames: Map<Compiled, Place>;
  /** Set by the first line of a stack: until then several first lines are one crash. */
  hasStack: boolean;
}

interface Compiled {
  readonly failure: Failure;
  readonly signs: readonly Sign[];
  readonly frames: readonly Sign[];
}

/** Parts in lower case that follow each other on a line. */
type Sign = readonly string[];

/**
 * Makes a watch that has seen nothing. Keeps the first place of each failure and nothing else of the log. A line costs time
 * linear in its length.
 */
export function watchFor(failures: readonly Failure[]): Watch {
  const compiled = failures.map(compile);
  const plain = compiled.filter(({ frames }) => frames.length === 0);
  const crashes = compiled.filter(({ frames }) => frames.length > 0);
  const anything = firstParts(compiled);
  const seen = new Map<Failure, Sighting>();
  let trace: Trace | undefined;

  function note(failure: Failure, place: Place, frame?: Place): void {
    const before = seen.get(failure);
    seen.set(failure, before ? { ...before, count: before.count + 1 } : sighting(failure, place, frame));
  }

  function settleTrace(): void {
    const found = trace?.candidates.find((candidate) => trace?.frames.has(candidate));
    if (trace && found) note(found.failure, trace.place, trace.frames.get(found));
    trace = undefined;
  }

  function seeCrash(line: Line, text: string): void {
    const candidates = crashes.filter(({ signs }) => find(signs, text) !== undefined);
    const place = firstPlace(candidates, line, text);
    if (place && !(trace && !trace.hasStack)) {
      settleTrace();
      trace = { place, candidates, frames: new Map(), hasStack: false };
    }
    if (!trace) return;
    trace.hasStack ||= text.includes(stackStart);
    for (const candidate of trace.candidates) {
      const frame = trace.frames.has(candidate) ? undefined : placeOf(candidate.frames, line, text);
      if (frame) trace.frames.set(candidate, frame);
    }
  }

  return {
    see(line) {
      const text = line.text.toLowerCase();
      if (!anything.test(text)) return;
      seeCrash(line, text);
      const matched = plain.filter(({ signs }) => find(signs, text) !== undefined);
      const covered = new Set(matched.flatMap(({ failure }) => failure.covers ?? []));
      for (const { failure, signs } of matched) {
        const place = placeOf(signs, line, text);
        if (place && !covered.has(failure.id)) note(failure, place);
      }
    },
    sightings() {
      settleTrace();
      return [...seen.values()].sort((a, b) => a.place.line - b.place.line);
    },
  };
}

function sighting(failure: Failure, place: Place, frame: Place | undefined): Sighting {
  return { failure, place, count: 1, ...(frame && { frame }) };
}

function compile(failure: Failure): Compiled {
  const toSign = (text: string): Sign => text.toLowerCase().split(" … ");
  return { failure, signs: failure.signs.map(toSign), frames: (failure.frames ?? []).map(toSign) };
}

/** Matches every line that could show any of it: almost no line of a log does, and one search is faster than many. */
function firstParts(compiled: readonly Compiled[]): RegExp {
  const parts = compiled.flatMap(({ signs, frames }) => [...signs, ...frames].map(([first = ""]) => first));
  const literals = [...new Set([stackStart, ...parts])].map((part) => part.replaceAll(/[^\w ]/g, String.raw`\$&`));
  return new RegExp(literals.join("|"));
}

function firstPlace(candidates: readonly Compiled[], line: Line, text: string): Place | undefined {
  return candidates[0] && placeOf(candidates[0].signs, line, text);
}

function placeOf(signs: readonly Sign[], line: Line, text: string): Place | undefined {
  const found = find(signs, text);
  return found && { line: line.number, text: line.text, ...found };
}

function find(signs: readonly Sign[], text: string): { readonly at: number; readonly length: number } | undefined {
  for (const sign of signs) {
    const found = findOne(sign, text);
    if (found) return found;
  }
  return undefined;
}

/** Takes each part where it comes first after the one before: that finds the whole wherever it can be found at all. */
function findOne(sign: Sign, text: string): { readonly at: number; readonly length: number } | undefined {
  let start = -1;
  let end = 0;
  for (const part of sign) {
    const at = text.indexOf(part, end);
    if (at < 0) return undefined;
    if (start < 0) start = at;
    end = at + part.length;
  }
  return { at: start, length: end - start };
}
