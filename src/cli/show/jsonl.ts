import { displayJson } from "../../spec/display.ts";
import type { ContentEvent, EventOf, WaybillEvent } from "../../telemetry/events.ts";
import { Board, type Row } from "./board.ts";
import { Pace } from "./pace.ts";
import { outcomeJson } from "./outcome-json.ts";
import type { Renderer, RendererOptions } from "./show.ts";

const progressEveryMs = 1000;

/**
 * News as events of our own, one JSON object a line, each with `type` and `time`: docs/progress.md. What is written is a
 * promise (`schema/events-1.json`), what is reported inside is not: an event that is not known here is not written.
 */
export function jsonLinesRenderer({ output, clock, log }: RendererOptions): Renderer {
  const events = new PublicEvents(log.isDetailed);
  const write = ({ type, at, ...facts }: Told) => {
    const time = new Date(at).toISOString();
    output.write(`${displayJson(JSON.stringify({ type, time, ...facts }))}\n`);
  };
  write({ type: "run-started", at: clock.now(), schemaVersion: 1 });
  return {
    event(event) {
      const told = events.of(event);
      if (told) write(told);
    },
    close: (outcome = {}) => write({ type: "run-done", at: clock.now(), ...outcomeJson(outcome) }),
    summary: "never",
    tellsOutcome: true,
  };
}

interface Told {
  readonly type: string;
  readonly at: number;
  readonly [fact: string]: unknown;
}

class PublicEvents {
  readonly #debug: boolean;
  readonly #board = new Board();
  readonly #pace = new Pace(progressEveryMs);

  constructor(debug: boolean) {
    this.#debug = debug;
  }

  of(event: WaybillEvent): Told | undefined {
    const row = this.#board.apply(event);
    switch (event.type) {
      case "content-started":
      case "content-progress":
      case "content-again":
      case "content-done":
        return this.#blob(event, row);
      case "http":
      case "debug":
        return this.#debug ? detailOf(event) : undefined;
      default:
        return newsOf(event, row);
    }
  }

  #blob(event: ContentEvent, row: Row | undefined): Told | undefined {
    const { id, at } = event;
    if (event.type === "content-done") {
      this.#pace.forget(id);
      const { target, digest, sizeBytes, outcome, error } = event;
      return { type: "blob-done", at, target, digest, sizeBytes, outcome, error: error?.message };
    }
    if (event.type === "content-started") {
      const { target, digest, mediaType, sizeBytes } = event;
      return { type: "blob-started", at, target, digest, mediaType, sizeBytes };
    }
    const blob = this.#board.blobOf(id);
    if (!row || !blob) return undefined;
    const { digest, sizeBytes, sentBytes } = blob;
    const facts = { at, target: row.target, digest, sizeBytes };
    if (event.type === "content-again") return { type: "blob-again", ...facts, offsetBytes: event.offsetBytes };
    return this.#pace.allows(id, at) ? { type: "blob-progress", ...facts, sentBytes } : undefined;
  }
}

function newsOf(event: WaybillEvent, row: Row | undefined): Told | undefined {
  switch (event.type) {
    case "work-started": {
      const { target, planned, at } = event;
      return { type: "target-started", at, target, plannedBlobs: planned?.blobs, plannedBytes: planned?.bytes };
    }
    case "work-log":
      return { type: "log", at: event.at, target: row?.target, message: event.message };
    case "work-done":
      return { type: "target-done", at: event.at, target: row?.target, error: event.error?.message };
    case "phase":
      return { type: "phase", at: event.at, target: event.target, phase: event.phase, waitingFor: event.waitingFor };
    case "tag-done": {
      const { target, tag, digest, state, at } = event;
      return { type: "tag", at, target, tag, digest, state };
    }
    case "retry": {
      const { registry, method, url, attempt, delayMs, why, at } = event;
      return { type: "retry", at, target: row?.target, registry, method, url, attempt, delayMs, why };
    }
    case "pull-quota": {
      const { registry, remaining, limit, windowSeconds, at } = event;
      return { type: "pull-quota", at, registry, remaining, limit, windowSeconds };
    }
    case "load": {
      const { registry, origin, concurrency, perSecond, waitMs, why, at } = event;
      return { type: "load", at, registry, origin, concurrency, perSecond, waitMs, why };
    }
    case "warning":
      return { type: "warning", at: event.at, message: event.message, source: event.source };
    default:
      return undefined;
  }
}

function detailOf(event: EventOf<"http" | "debug">): Told {
  if (event.type === "debug") return { type: "debug", at: event.at, message: event.message };
  const { method, url, status, error, attempt, durationMs, sentBytes, requestId, protocol } = event;
  const at = event.startedAt + durationMs;
  return { type: "request", at, method, url, status, error, attempt, durationMs, sentBytes, requestId, protocol };
}
