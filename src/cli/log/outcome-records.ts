import { formatLocation } from "../../spec/reference.ts";
import { failureOf } from "../../telemetry/task.ts";
import type { TargetResult } from "../../transfer/result.ts";
import type { CreateResult } from "../../verbs/create.ts";
import { headline } from "../show/summary-words.ts";
import { placeFields, type LogRecord } from "./record.ts";

type Untimed = Omit<LogRecord, "at">;

/** What the table at the end says: a record for each target, and one for all of it. */
export function outcomeRecords(result: CreateResult, error: unknown): readonly Untimed[] {
  const { digest, mediaType } = result.root.descriptor;
  const message = headline(result, error).replace(/ {2,}/g, ", ");
  const whole: Untimed = { level: "info", message, fields: { digest, media_type: mediaType } };
  return [...result.targets.map(targetRecord), whole];
}

function targetRecord({ at, tags, error, heldBack, ...amounts }: TargetResult): Untimed {
  const target = formatLocation(at);
  const states = tags.map(({ tag, state }) => `${tag} ${state}`);
  return {
    level: "info",
    message: `${target}: ${states.join(", ")}`,
    fields: placeFields(target, {
      tags: states,
      sent_bytes: amounts.sentBytes,
      mounted_bytes: amounts.mountedBytes,
      skipped_bytes: amounts.skippedBytes,
      duration_ms: amounts.durationMs,
      held_back: heldBack || undefined,
      error: error === undefined ? undefined : failureOf(error).code,
    }),
  };
}
