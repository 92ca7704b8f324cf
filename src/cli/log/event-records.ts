import { shortDigest } from "../../spec/digest.ts";
import type { ContentEvent, EventOf, WaybillEvent } from "../../telemetry/events.ts";
import type { Task, TaskEvent } from "../../telemetry/task.ts";
import { isCancelled } from "../show/board.ts";
import { formatBytes } from "../units.ts";
import { attemptRecord } from "./attempt-record.ts";
import type { LogLevel } from "./level.ts";
import { momentRecord } from "./moment-records.ts";
import { placeFields, type Fields, type LogRecord } from "./record.ts";

interface Content {
  readonly digest: string;
  readonly target: string;
}

/**
 * The highest level that news of a type, or what follows from it, can come to: what is below needs no look. Absent: none.
 */
export const highestLevels: Readonly<Partial<Record<WaybillEvent["type"], LogLevel>>> = {
  "work-started": "error",
  "work-log": "info",
  "work-done": "error",
  "content-started": "info",
  "content-again": "info",
  "content-done": "warn",
  "tag-done": "info",
  "task-started": "trace",
  "task-done": "trace",
  "telemetry-drop": "trace",
  "pull-quota": "info",
  phase: "info",
  retry: "info",
  warning: "warn",
  load: "debug",
  http: "debug",
  debug: "debug",
};

/** Makes records of news. Remembers what is under way, so that its end can be told by name. */
export class EventRecords {
  readonly #works = new Map<string, EventOf<"work-started">>();
  readonly #contents = new Map<string, Content>();
  readonly #tasks = new Map<string, Task>();

  /** Nothing for what only moves a picture. */
  of(event: WaybillEvent): LogRecord | undefined {
    switch (event.type) {
      case "http":
        return attemptRecord(event);
      case "task-started":
      case "task-done":
        return this.#ofTask(event);
      case "content-started":
      case "content-progress":
      case "content-again":
      case "content-done":
        return this.#ofContent(event);
      case "work-started":
      case "work-log":
      case "work-done":
        return this.#ofWork(event);
      default:
        return momentRecord(event);
    }
  }

  #ofWork(event: EventOf<"work-started" | "work-log" | "work-done">): LogRecord {
    const { id, at } = event;
    if (event.type === "work-started") {
      this.#works.set(id, event);
      const { planned, name, target } = event;
      const fields = placeFields(target, { planned_blobs: planned?.blobs, planned_bytes: planned?.bytes });
      return { level: "info", message: name, at, fields };
    }
    const work = this.#works.get(id);
    const fields = placeFields(work?.target);
    const name = work?.name ?? id;
    if (event.type === "work-log") return { level: "info", message: `${name}: ${event.message}`, at, fields };
    this.#works.delete(id);
    const { error } = event;
    const durationMs = work && at - work.at;
    if (error === undefined)
      return { level: "info", message: `${name}: done`, at, fields: { ...fields, duration_ms: durationMs } };
    const level = isCancelled(error) ? "info" : "error";
    return {
      level,
      message: `${name}: ${error.message}`,
      at,
      fields: { ...fields, duration_ms: durationMs, error: error.code },
    };
  }

  #ofContent(event: ContentEvent): LogRecord | undefined {
    const { id, at } = event;
    if (event.type === "content-progress") return undefined;
    if (event.type === "content-started") {
      this.#contents.set(id, event);
      return contentRecord({ level: "trace", what: "begins to go", at }, event, { size: event.sizeBytes });
    }
    if (event.type === "content-again") {
      const { offsetBytes } = event;
      const what = offsetBytes === 0 ? "is sent anew" : `goes on from ${formatBytes(offsetBytes)}`;
      const content = this.#contents.get(id);
      return content && contentRecord({ level: "info", what, at }, content, { offset: offsetBytes });
    }
    this.#contents.delete(id);
    const { outcome, error, sizeBytes } = event;
    const isFailed = outcome === "failed" && !isCancelled(error);
    const what = error === undefined ? outcome : `${outcome}: ${error.message}`;
    return contentRecord({ level: isFailed ? "warn" : "debug", what, at }, event, {
      size: sizeBytes,
      outcome,
      error: error?.code,
    });
  }

  #ofTask(event: TaskEvent): LogRecord {
    const { id, at } = event;
    if (event.type === "task-started") {
      this.#tasks.set(id, event);
      return { level: "trace", message: `${taskName(event)}: begun`, at, about: id, fields: taskFields(event) };
    }
    const task = this.#tasks.get(id);
    this.#tasks.delete(id);
    const { outcome, error, digest = task?.digest } = event;
    const message = `${task ? taskName(task) : id}: ${error?.message ?? outcome ?? "done"}`;
    const fields = { ...(task && taskFields(task)), digest, outcome, error: error?.code };
    return { level: "trace", message, at, about: id, fields };
  }
}

function contentRecord(
  { level, what, at }: { readonly level: LogLevel; readonly what: string; readonly at: number },
  { digest, target }: Content,
  fields: Fields,
): LogRecord {
  const message = `${shortDigest(digest)} to ${target}: ${what}`;
  return { level, message, at, fields: placeFields(target, { digest, ...fields }) };
}

function taskName({ phase, part, name }: Task): string {
  return [phase, part, name].filter(Boolean).join(" ");
}

function taskFields({ phase, part, target, digest, sizeBytes, tags }: Task): Fields {
  return { phase, part, ...placeFields(target), digest, size: sizeBytes, tags };
}
