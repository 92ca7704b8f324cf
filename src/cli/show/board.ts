import type { WaybillEvent } from "../../telemetry/events.ts";

/** What is known of one target's work: a line on the screen, a vertex in the log. */
export interface Row {
  readonly id: string;
  /** Counts from 1, in the order in which work began. */
  readonly index: number;
  readonly name: string;
  readonly target: string;
  readonly startedAt: number;
  endedAt?: number;
  error?: string;
  /** Bytes that have left, and bytes that are to leave as far as is known; what exists or is mounted counts in neither. */
  sentBytes: number;
  totalBytes: number;
  active: number;
  sent: number;
  mounted: number;
  existed: number;
  failed: number;
  readonly tags: string[];
  /** The latest thing worth a line: a log line or a retry. */
  note: string;
}

interface Content {
  readonly row: Row;
  readonly sizeBytes: number;
  sentBytes: number;
}

/** Adds events up to rows. Events of work that nobody announced get a row of their own. */
export class Board {
  readonly rows: Row[] = [];
  readonly #contents = new Map<string, Content>();

  /** The row that `event` speaks of, brought up to date; `undefined` where it speaks of none. */
  apply(event: WaybillEvent): Row | undefined {
    switch (event.type) {
      case "work-started":
        return this.#add(event.id, event.name, { target: event.target ?? "", at: event.at });
      case "work-log":
        return this.#update(event.id, (row) => (row.note = event.message));
      case "work-done":
        return this.#update(event.id, (row) => end(row, event));
      case "tag-done":
        return this.#tag(event);
      case "retry":
        return this.#retry(event);
      case "content-started":
      case "content-progress":
      case "content-done":
        return this.#content(event);
      default:
        return undefined;
    }
  }

  #add(id: string, name: string, facts: { readonly target: string; readonly at: number }): Row {
    const counts = { sentBytes: 0, totalBytes: 0, active: 0, sent: 0, mounted: 0, existed: 0, failed: 0 };
    const row: Row = {
      id,
      index: this.rows.length + 1,
      name: name.startsWith("[") ? name : `[internal] ${name}`,
      target: facts.target,
      startedAt: facts.at,
      ...counts,
      tags: [],
      note: "",
    };
    this.rows.push(row);
    return row;
  }

  #update(id: string, change: (row: Row) => unknown): Row | undefined {
    const row = this.rows.findLast((candidate) => candidate.id === id);
    if (row) change(row);
    return row;
  }

  #rowFor(id: string, target: string, at: number): Row {
    const byId = this.rows.findLast((row) => row.id === id);
    const row = byId ?? this.rows.findLast((candidate) => candidate.target === target);
    return row ?? this.#add(target, `pushing ${target}`, { target, at });
  }

  #tag(event: WaybillEvent & { type: "tag-done" }): Row {
    const row = this.#rowFor("", event.target, event.at);
    if (event.state !== "failed" && event.state !== "not-attempted") row.tags.push(event.tag);
    return row;
  }

  #retry(event: WaybillEvent & { type: "retry" }): Row | undefined {
    const row = this.rows.findLast(({ target, endedAt }) => {
      const repository = target.slice(target.indexOf("/") + 1);
      return endedAt === undefined && repository !== "" && event.url.includes(`/v2/${repository}/`);
    });
    if (row) row.note = retryText(event);
    return row;
  }

  #content(event: WaybillEvent & { type: "content-started" | "content-progress" | "content-done" }): Row | undefined {
    if (event.type === "content-started") return this.#contentStarted(event);
    const content = this.#contents.get(event.id);
    if (event.type === "content-done") return this.#contentDone(event, content);
    if (!content) return undefined;
    // A repeated attempt sends bytes again: the bar does not run over its end.
    const sentBytes = Math.min(content.sizeBytes, content.sentBytes + event.bytes);
    content.row.sentBytes += sentBytes - content.sentBytes;
    content.sentBytes = sentBytes;
    return content.row;
  }

  #contentStarted(event: WaybillEvent & { type: "content-started" }): Row {
    const row = this.#rowFor(event.id, event.target, event.at);
    this.#contents.set(event.id, { row, sizeBytes: event.sizeBytes, sentBytes: 0 });
    row.totalBytes += event.sizeBytes;
    row.active++;
    return row;
  }

  #contentDone(event: WaybillEvent & { type: "content-done" }, content: Content | undefined): Row {
    const row = content?.row ?? this.#rowFor(event.id, event.target, event.at);
    row[event.outcome]++;
    if (content) {
      this.#contents.delete(event.id);
      row.active--;
      row.sentBytes += (event.outcome === "sent" ? content.sizeBytes : 0) - content.sentBytes;
      if (event.outcome !== "sent") row.totalBytes -= content.sizeBytes;
    } else if (event.outcome === "sent") {
      row.sentBytes += event.sizeBytes;
      row.totalBytes += event.sizeBytes;
    }
    return row;
  }
}

function end(row: Row, event: WaybillEvent & { type: "work-done" }): void {
  row.endedAt = event.at;
  row.active = 0;
  row.note = "";
  if (event.error !== undefined) row.error = event.error;
}

/** `retry 2 in 1.2s: PATCH https://…: 503`. */
export function retryText(event: WaybillEvent & { type: "retry" }): string {
  return `retry ${event.attempt} in ${(event.delayMs / 1000).toFixed(1)}s: ${event.method} ${event.url}: ${event.why}`;
}
