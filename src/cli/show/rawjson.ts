import { createHash } from "node:crypto";
import { displayJson } from "../../spec/display.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { Board, retryText, type Row } from "./board.ts";
import type { Renderer, RendererOptions } from "./show.ts";

/** News as buildkit's `SolveStatus`, one JSON document a line, for programs. */
export function rawJsonRenderer(options: RendererOptions): Renderer {
  const board = new Board();
  return {
    event(event) {
      const row = board.apply(event);
      const status = row ? statusOf(event, row) : unattached(event);
      if (status) options.output.write(`${displayJson(JSON.stringify(status))}\n`);
    },
    close: () => undefined,
  };
}

function statusOf(event: WaybillEvent, row: Row): object | undefined {
  switch (event.type) {
    case "work-started":
      return { vertexes: [vertexOf(row)] };
    case "work-done":
      return { vertexes: [{ ...vertexOf(row), completed: time(event.at), error: event.error }] };
    case "work-log":
      return { logs: [log(row, event.message, event.at)] };
    case "retry":
      return { logs: [log(row, retryText(event), event.at)] };
    case "tag-done":
      return { logs: [log(row, `tag ${event.tag} ${event.digest} ${event.state}`, event.at)] };
    case "content-started":
      return { statuses: [{ ...content(event, row), current: 0, total: event.sizeBytes, started: time(event.at) }] };
    case "content-done":
      return {
        statuses: [
          { ...content(event, row), current: event.sizeBytes, total: event.sizeBytes, completed: time(event.at) },
        ],
      };
    default:
      return undefined;
  }
}

function unattached(event: WaybillEvent): object | undefined {
  if (event.type !== "warning") return undefined;
  return { warnings: [{ vertex: vertexDigest("warnings"), level: 1, short: base64(event.message) }] };
}

function vertexOf(row: Row): { digest: string; name: string; started: string } {
  return { digest: vertexDigest(row.id), name: row.name, started: time(row.startedAt) };
}

function content(event: WaybillEvent & { type: "content-started" | "content-done" }, row: Row): object {
  const name = event.type === "content-done" ? event.outcome : "copying";
  return { id: event.digest, vertex: vertexDigest(row.id), name, timestamp: time(event.at) };
}

function log(row: Row, message: string, at: number): object {
  return { vertex: vertexDigest(row.id), stream: 1, data: base64(`${message}\n`), timestamp: time(at) };
}

function vertexDigest(id: string): string {
  return `sha256:${createHash("sha256").update(id).digest("hex")}`;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function time(at: number): string {
  return new Date(at).toISOString();
}
