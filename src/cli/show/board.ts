import type { ContentEvent, EventOf, Phase, WaybillEvent } from "../../telemetry/events.ts";
import type { TaskFailure } from "../../telemetry/task.ts";
import { causeOf, registryOf, targetOfRetry } from "../../telemetry/retry.ts";
import { InFlight } from "./in-flight.ts";
import { Loads } from "./load.ts";
import { Meter } from "./meter.ts";

/** What is known of one target's work: a row on the screen, a vertex in the log. */
export interface Row {
  readonly id: string;
  /** Counts from 1, in the order in which work began. */
  readonly index: number;
  readonly name: string;
  readonly target: string;
  readonly startedAt: number;
  endedAt?: number;
  error?: TaskFailure;
  /** What `error` says, as short as there is. */
  reason?: string;
  phase?: Phase;
  /** The last news of the phase was of another phase, not of how many are waited for. Staging, where all begin, is none. */
  hasNewPhase: boolean;
  /** How many other targets the barrier still waits for. */
  waitingFor: number;
  /** Bytes that have left, and bytes that are to leave as far as is known; what exists or is mounted counts in neither. */
  sentBytes: number;
  totalBytes: number;
  /** `totalBytes` was known from the beginning. */
  readonly isPlanned: boolean;
  /** Blobs on their way, by id, in the order in which they began. */
  readonly blobs: Map<string, InFlight>;
  sent: number;
  mounted: number;
  existed: number;
  failed: number;
  retries: number;
  readonly tags: string[];
  /** What is waited for before something is tried again, and until when. */
  wait?: Wait;
  readonly meter: Meter;
}

export interface Wait {
  readonly text: string;
  readonly until: number;
}

/** News that whoever shows rows tells with them, so that the log as text need not. */
export const toldByRows: ReadonlySet<WaybillEvent["type"]> = new Set([
  "work-started",
  "work-log",
  "work-done",
  "phase",
  "content-started",
  "content-again",
  "content-done",
  "tag-done",
  "pull-quota",
]);

/** Adds events up to rows. Events of work that nobody announced get a row of their own. */
export class Board {
  readonly rows: Row[] = [];
  /** A wait that belongs to no row, such as for a source's registry. */
  wait: Wait | undefined;
  /** How much registries are asked. */
  readonly loads = new Loads();
  readonly #blobs = new Map<string, { readonly row: Row; readonly blob: InFlight }>();

  /** The row that `event` speaks of, brought up to date; `undefined` where it speaks of none. */
  apply(event: WaybillEvent): Row | undefined {
    switch (event.type) {
      case "work-started":
        return this.#add(event.id, event.name, event);
      case "work-log":
        return this.#rowOf(event.id);
      case "work-done":
        return this.#end(event);
      case "phase":
        return this.#phase(event);
      case "tag-done":
        return this.#tag(event);
      case "retry":
        return this.#retry(event);
      case "content-started":
      case "content-progress":
      case "content-again":
      case "content-done":
        return this.#content(event);
      case "load":
        this.loads.apply(event);
        return undefined;
      default:
        return undefined;
    }
  }

  /** The blob in flight that news of `id` is about. */
  blobOf(id: string): InFlight | undefined {
    return this.#blobs.get(id)?.blob;
  }

  #add(id: string, name: string, facts: Pick<EventOf<"work-started">, "target" | "planned" | "at">): Row {
    const row: Row = {
      id,
      index: this.rows.length + 1,
      name: name.startsWith("[") ? name : `[internal] ${name}`,
      target: facts.target ?? "",
      startedAt: facts.at,
      hasNewPhase: false,
      waitingFor: 0,
      sentBytes: 0,
      totalBytes: facts.planned?.bytes ?? 0,
      isPlanned: facts.planned !== undefined,
      blobs: new Map(),
      sent: 0,
      mounted: 0,
      existed: 0,
      failed: 0,
      retries: 0,
      tags: [],
      meter: new Meter(),
    };
    this.rows.push(row);
    return row;
  }

  #rowOf(id: string): Row | undefined {
    return this.rows.findLast((row) => row.id === id);
  }

  #end(event: EventOf<"work-done">): Row | undefined {
    const row = this.#rowOf(event.id);
    if (row) end(row, event);
    return row;
  }

  #rowFor(id: string, target: string, at: number): Row {
    const row = this.#rowOf(id) ?? this.rows.findLast((candidate) => candidate.target === target);
    return row ?? this.#add(target, `pushing ${target}`, { target, at });
  }

  #phase(event: EventOf<"phase">): Row {
    const row = this.#rowFor("", event.target, event.at);
    row.hasNewPhase = event.phase !== (row.phase ?? "stage");
    row.phase = event.phase;
    row.waitingFor = event.waitingFor ?? 0;
    return row;
  }

  #tag(event: EventOf<"tag-done">): Row {
    const row = this.#rowFor("", event.target, event.at);
    row.tags.push(event.tag);
    return row;
  }

  #retry(event: EventOf<"retry">): Row | undefined {
    const target = targetOfRetry(event);
    const row = this.rows.findLast((candidate) => candidate.endedAt === undefined && candidate.target === target);
    const wait = { text: `${registryOf(event)}: ${causeOf(event)}`, until: event.at + event.delayMs };
    if (!row) {
      this.wait = wait;
      return undefined;
    }
    row.retries++;
    row.wait = { ...wait, text: causeOf(event) };
    return row;
  }

  #content(event: ContentEvent): Row | undefined {
    const row = this.#counted(event);
    // What is sent once more, because its registry lost it, is in no plan.
    if (row) row.totalBytes = Math.max(row.totalBytes, row.sentBytes);
    return row;
  }

  #counted(event: ContentEvent): Row | undefined {
    if (event.type === "content-started") return this.#contentStarted(event);
    if (event.type === "content-done") return this.#contentDone(event);
    const found = this.#blobs.get(event.id);
    if (!found) return undefined;
    const { row, blob } = found;
    if (event.type === "content-progress") {
      row.sentBytes += blob.advance(event.bytes, event.at);
      row.meter.add(event.bytes, event.at);
    } else {
      row.sentBytes += blob.standAt(event.offsetBytes);
    }
    return row;
  }

  #contentStarted(event: EventOf<"content-started">): Row {
    this.#forget(event.id);
    const row = this.#rowFor(event.id, event.target, event.at);
    const blob = new InFlight(event.digest, event.sizeBytes, event.at);
    this.#blobs.set(event.id, { row, blob });
    row.blobs.set(event.id, blob);
    if (!row.isPlanned) row.totalBytes += event.sizeBytes;
    return row;
  }

  #contentDone(event: EventOf<"content-done">): Row {
    const row = this.#forget(event.id) ?? this.#rowFor(event.id, event.target, event.at);
    row[event.outcome]++;
    const isSent = event.outcome === "sent";
    if (isSent) row.sentBytes += event.sizeBytes;
    if (isSent !== row.isPlanned) row.totalBytes += isSent ? event.sizeBytes : -event.sizeBytes;
    return row;
  }

  /** Takes a blob in flight, and what was counted of it, from its row. */
  #forget(id: string): Row | undefined {
    const found = this.#blobs.get(id);
    if (!found) return undefined;
    const { row, blob } = found;
    this.#blobs.delete(id);
    row.blobs.delete(id);
    row.sentBytes -= blob.sentBytes;
    if (!row.isPlanned) row.totalBytes -= blob.sizeBytes;
    return row;
  }
}

function end(row: Row, event: EventOf<"work-done">): void {
  row.endedAt = event.at;
  row.blobs.clear();
  delete row.wait;
  if (event.error === undefined) return;
  row.error = event.error;
  row.reason = event.reason ?? event.error.message;
}

/** True for the end of work that nothing is wrong with: another target failed, or the run was told to stop. */
export function isCancelled(error: TaskFailure | undefined): boolean {
  return error?.code === "cancelled";
}
