import type { EventOf, WaybillEvent } from "../../telemetry/events.ts";
import { loadText, quotaText } from "../show/notes.ts";
import { phaseText } from "../show/phase-text.ts";
import { retryText } from "../show/repeat-text.ts";
import { placeFields, type LogRecord } from "./record.ts";

/** News that needs nothing that was told before. `undefined` for what is none. */
export function momentRecord(event: WaybillEvent): LogRecord | undefined {
  switch (event.type) {
    case "warning":
      return warningRecord(event);
    case "retry":
      return retryRecord(event);
    case "phase":
      return phaseRecord(event);
    case "tag-done":
      return tagRecord(event);
    case "pull-quota":
      return quotaRecord(event);
    case "load":
      return loadRecord(event);
    case "debug":
      return { level: "debug", message: event.message, at: event.at };
    case "telemetry-drop":
      return { level: "trace", message: `not told: ${event.what}`, at: event.at, fields: { count: event.count } };
    default:
      return undefined;
  }
}

function warningRecord({ message, source, at }: EventOf<"warning">): LogRecord {
  const said = source === undefined ? message : `${message} (${source})`;
  return { level: "warn", message: said, at, fields: { registry: source } };
}

function retryRecord(event: EventOf<"retry">): LogRecord {
  const { registry, method, url, attempt, delayMs, cause, task, at } = event;
  const fields = { registry, method, url, attempt, delay_ms: delayMs, error: cause };
  return { level: "info", message: retryText(event), at, ...(task !== undefined && { about: task }), fields };
}

function phaseRecord({ target, phase, waitingFor = 0, at }: EventOf<"phase">): LogRecord {
  const message = `${target}: ${phaseText({ phase, waitingFor })}`;
  return { level: "info", message, at, fields: placeFields(target, { phase }) };
}

function tagRecord({ target, tag, digest, state, at }: EventOf<"tag-done">): LogRecord {
  const fields = placeFields(target, { tag, digest, state });
  return { level: "info", message: `${target}:${tag} ${state}`, at, fields };
}

function quotaRecord(event: EventOf<"pull-quota">): LogRecord {
  const { registry, remaining, limit, windowSeconds, at } = event;
  const fields = { registry, remaining, limit, window_seconds: windowSeconds };
  return { level: "info", message: quotaText(event), at, fields };
}

function loadRecord(event: EventOf<"load">): LogRecord {
  const { registry, origin, concurrency, perSecond, waitMs, at } = event;
  const fields = { registry, origin, concurrency, per_second: perSecond, wait_ms: waitMs };
  return { level: "debug", message: loadText(event), at, fields };
}
