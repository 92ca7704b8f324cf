import { display, displayJson } from "../../spec/display.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { errorFacts, failureText } from "../failure.ts";
import type { LogAsked, LogFormat } from "./asked.ts";
import { EventRecords, highestLevels } from "./event-records.ts";
import { isAtLeast, type LogLevel } from "./level.ts";
import type { LogRecord } from "./record.ts";

/** Where in a trace something stands. */
export interface TracePlace {
  readonly traceId: string;
  readonly spanId: string;
}

export interface LogOptions {
  readonly asked: LogAsked;
  /** The time, in milliseconds. */
  readonly now: () => number;
  /** Where a task or an attempt stands, by its id; without one, the whole run. `undefined` where there is no trace. */
  readonly placeOf: (id?: string) => TracePlace | undefined;
}

/**
 * What is told on stderr beside progress and results: says in which form, writes nothing itself. Every line ends with a line feed,
 * and whatever is foreign in it is escaped.
 */
export interface Log {
  readonly format: LogFormat;
  /** Each request is told, and the causes of errors. */
  readonly isDetailed: boolean;
  /** Nobody has said what is wanted: then what shows no progress tells only what is urgent. */
  readonly isDefault: boolean;
  wants(level: LogLevel): boolean;
  /** `undefined` for news that is not wanted. Needs to hear all news, in order. */
  ofEvent(event: WaybillEvent): string | undefined;
  /** `undefined` for a record that is not wanted. */
  of(record: Omit<LogRecord, "at"> & { readonly at?: number }): string | undefined;
  /** Told whatever the level: somebody has asked for it elsewhere. */
  always(record: Omit<LogRecord, "at">): string;
  /** The error that a run ends with: told whatever the level. */
  ofError(error: unknown, exitCode: number): string;
  /** Words for whoever has typed the command: as they are, or lines of level `info`. */
  say(text: string): string;
}

/** Opens the log as it was asked for. */
export function openLog(options: LogOptions): Log {
  const { asked, now } = options;
  const { format } = asked;
  const least = asked.level ?? "warn";
  const isDetailed = isAtLeast("debug", least);
  const events = new EventRecords();
  const line = format === "json" ? jsonLine(options) : textLine(options);
  const wants = (level: LogLevel) => isAtLeast(level, least);
  const wanted = new Set(Object.entries(highestLevels).flatMap(([type, highest]) => (wants(highest) ? [type] : [])));
  const of: Log["of"] = (record) => (wants(record.level) ? line({ at: now(), ...record }) : undefined);
  return {
    format,
    isDetailed,
    isDefault: format === "text" && asked.level === undefined,
    wants,
    ofEvent(event) {
      const record = wanted.has(event.type) ? events.of(event) : undefined;
      return record && of(record);
    },
    of,
    always: (record) => line({ at: now(), ...record }),
    ofError(error, exitCode) {
      if (format === "text") return failureText(error, { debug: isDetailed, ids: idsText(options.placeOf()) });
      const { message, ...fields } = errorFacts(error, { debug: isDetailed });
      return line({ level: "error", message, at: now(), fields: { exit_code: exitCode, ...fields } });
    },
    say(text) {
      if (format === "text") return text;
      const told = text.split("\n").filter((part) => part.trim() !== "");
      return told.map((message) => of({ level: "info", message }) ?? "").join("");
    },
  };
}

const words: Readonly<Record<LogLevel, string>> = {
  trace: "TRACE",
  debug: "DEBUG",
  info: "INFO",
  warn: "WARNING",
  error: "ERROR",
  fatal: "ERROR",
};

/** `WARNING: …`; what a program wants to know besides is in the other form. */
function textLine({ placeOf }: LogOptions): (record: LogRecord) => string {
  return ({ level, message, about }) => {
    return `${words[level]}: ${display(message)}${idsText(placeOf(about))}\n`;
  };
}

function idsText(place: TracePlace | undefined): string {
  return place ? ` trace_id=${place.traceId} span_id=${place.spanId}` : "";
}

/** One object a line. Described by `schema/log-1.json`. */
function jsonLine({ placeOf }: LogOptions): (record: LogRecord) => string {
  return ({ level, message, at, about, fields }) => {
    const place = placeOf(about);
    const ids = place && { trace_id: place.traceId, span_id: place.spanId };
    const time = new Date(at).toISOString();
    return `${displayJson(JSON.stringify({ time, level, message, ...ids, ...fields }))}\n`;
  };
}

/** Writes a warning that is no news of a run. */
export function warn(message: string, { log, stderr }: { readonly log: Log; readonly stderr: Writes }): void {
  const line = log.of({ level: "warn", message });
  if (line !== undefined) stderr.write(line);
}

interface Writes {
  write(text: string): unknown;
}
