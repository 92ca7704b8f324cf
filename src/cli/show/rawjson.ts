import { createHash } from "node:crypto";
import { displayJson } from "../../spec/display.ts";
import type { EventOf, WaybillEvent } from "../../telemetry/events.ts";
import type { TaskFailure } from "../../telemetry/task.ts";
import { againText, retryText } from "./repeat-text.ts";
import { Board, isCancelled, type Row } from "./board.ts";
import type { InFlight } from "./in-flight.ts";
import { Pace } from "./pace.ts";
import { phaseText } from "./phase-text.ts";
import type { Renderer, RendererOptions } from "./show.ts";

const progressEveryMs = 500;

/**
 * News as buildkit's `SolveStatus`, one JSON document a line, for programs that read it from buildx: a target is a vertex, a
 * blob one of its statuses. Spec: moby/buildkit, client/graph.go.
 */
export function rawJsonRenderer({ output }: RendererOptions): Renderer {
  const statuses = new Statuses();
  return {
    event(event) {
      const status = statuses.of(event);
      if (status) output.write(`${displayJson(JSON.stringify(status))}\n`);
    },
    close: () => undefined,
    summary: "never",
  };
}

class Statuses {
  readonly #board = new Board();
  readonly #pace = new Pace(progressEveryMs);
  /** Readers pass over what belongs to a vertex that they do not know. */
  readonly #announced = new Set<Row>();
  #warnings = 0;

  of(event: WaybillEvent): object | undefined {
    if (event.type === "warning") return this.#warning(event);
    const ended = event.type === "content-done" ? this.#board.blobOf(event.id) : undefined;
    const row = this.#board.apply(event);
    const status = row && this.#about(event, row, ended);
    if (!status || this.#announced.has(row)) return status;
    this.#announced.add(row);
    return { vertexes: [vertexOf(row)], ...status };
  }

  #about(event: WaybillEvent, row: Row, ended: InFlight | undefined): object | undefined {
    switch (event.type) {
      case "work-started":
        return { vertexes: [vertexOf(row)] };
      case "work-done":
        return { vertexes: [{ ...vertexOf(row), completed: time(event.at), error: errorOf(event.error) }] };
      case "work-log":
        return { logs: [log(row, event.message, event.at)] };
      case "phase":
        return row.hasNewPhase ? { logs: [log(row, phaseText(row), event.at)] } : undefined;
      case "retry":
        return { logs: [log(row, retryText(event), event.at)] };
      case "tag-done":
        return { logs: [log(row, `tag ${event.tag} ${event.digest} ${event.state}`, event.at)] };
      case "content-again":
        return { logs: [log(row, againText(event, row), event.at)], statuses: this.#copying(event, row) };
      case "content-started":
        return { statuses: this.#copying(event, row) };
      case "content-progress":
        return this.#pace.allows(event.id, event.at) ? { statuses: this.#copying(event, row) } : undefined;
      case "content-done":
        return { statuses: [this.#copied(event, row, ended)] };
      default:
        return undefined;
    }
  }

  #copying({ id, at }: EventOf<"content-started" | "content-progress" | "content-again">, row: Row): object[] {
    const blob = this.#board.blobOf(id);
    if (!blob) return [];
    const { digest, sentBytes, sizeBytes, startedAt } = blob;
    return [statusOf(row, { digest, name: "copying", current: sentBytes, total: sizeBytes, startedAt, at })];
  }

  #copied({ id, digest, outcome, sizeBytes, at }: EventOf<"content-done">, row: Row, blob?: InFlight): object {
    this.#pace.forget(id);
    const current = outcome === "failed" ? (blob?.sentBytes ?? 0) : sizeBytes;
    const startedAt = blob?.startedAt ?? at;
    const total = Math.max(sizeBytes, current);
    const status = statusOf(row, { digest, name: outcome, current, total, startedAt, at });
    return { ...status, completed: time(at) };
  }

  /** Readers show a warning with the vertex that it belongs to: here one of its own. */
  #warning({ message, source, at }: EventOf<"warning">): object {
    const digest = digestOf(`warning ${++this.#warnings}`);
    const vertex = { digest, name: "[internal] warning", started: time(at), completed: time(at) };
    const short = base64(source === undefined ? message : `${message} (${source})`);
    return { vertexes: [vertex], warnings: [{ vertex: digest, level: 1, short }] };
  }
}

function vertexOf(row: Row): { digest: string; name: string; started: string } {
  return { digest: digestOf(row.id), name: row.name, started: time(row.startedAt) };
}

/** Readers tell what was cancelled from what failed by Go's words at the end. */
function errorOf(error: TaskFailure | undefined): string | undefined {
  return error && isCancelled(error) ? `${error.message}: context canceled` : error?.message;
}

interface Status {
  readonly digest: string;
  readonly name: string;
  readonly current: number;
  readonly total: number;
  readonly startedAt: number;
  readonly at: number;
}

function statusOf(row: Row, { digest, name, current, total, startedAt, at }: Status): object {
  const vertex = digestOf(row.id);
  return { id: digest, vertex, name, current, total, timestamp: time(at), started: time(startedAt) };
}

function log(row: Row, message: string, at: number): object {
  return { vertex: digestOf(row.id), stream: 1, data: base64(`${message}\n`), timestamp: time(at) };
}

function digestOf(id: string): string {
  return `sha256:${createHash("sha256").update(id).digest("hex")}`;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function time(at: number): string {
  return new Date(at).toISOString();
}
