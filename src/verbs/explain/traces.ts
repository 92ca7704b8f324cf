import type { Failure } from "./failure.ts";
import type { Line } from "./lines.ts";
import { placeOf, type Compiled, type Place } from "./signs.ts";

/** How each stack of a Go trace begins. */
export const stackStart = "goroutine ";

/** A crash whose trace is being read. */
interface Trace {
  readonly place: Place;
  readonly candidates: readonly Compiled[];
  readonly frames: Map<Compiled, Place>;
  /** Set by the first line of a stack: until then several first lines are one crash. */
  hasStack: boolean;
}

/** Hears of a crash: where it began, and the frame that it is known by. */
export type NoteCrash = (failure: Failure, place: Place, frame: Place | undefined) => void;

/** Reads the traces of Go crashes. */
export interface TraceReader {
  /** `text` is the line in lower case. */
  see(line: Line, text: string): void;
  /** The log is over. */
  end(): void;
}

/** A trace lasts until the next one begins; then `note` hears the first of `crashes` that it fits. */
export function readTraces(crashes: readonly Compiled[], note: NoteCrash): TraceReader {
  let trace: Trace | undefined;

  function end(): void {
    const found = trace?.candidates.find((candidate) => trace?.frames.has(candidate));
    if (trace && found) note(found.failure, trace.place, trace.frames.get(found));
    trace = undefined;
  }

  return {
    see(line, text) {
      const begun = beginning(crashes, line, text);
      if (begun && (!trace || trace.hasStack)) {
        end();
        trace = begun;
      }
      if (trace) lookForFrames(trace, line, text);
    },
    end,
  };
}

function beginning(crashes: readonly Compiled[], line: Line, text: string): Trace | undefined {
  const candidates = crashes.filter(({ signs }) => placeOf(signs, line, text) !== undefined);
  const place = candidates[0] && placeOf(candidates[0].signs, line, text);
  return place && { place, candidates, frames: new Map(), hasStack: false };
}

function lookForFrames(trace: Trace, line: Line, text: string): void {
  trace.hasStack ||= text.includes(stackStart);
  for (const candidate of trace.candidates) {
    const frame = trace.frames.has(candidate) ? undefined : placeOf(candidate.frames, line, text);
    if (frame) trace.frames.set(candidate, frame);
  }
}
