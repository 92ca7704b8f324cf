import * as v from "valibot";
import { messageOf, WaybillError } from "../errors.ts";
import { issueOf } from "../spec/descriptor.ts";
import { parseJson } from "../spec/json.ts";
import { publicationSchema, type Publication } from "./publication.ts";
import { earlierOf, tagName, type Earlier } from "./recording.ts";
import { tagReportSchema, targetReportSchema, writeTold, type TargetReport } from "./report.ts";

/** As much as a report may have. */
export const maxReportBytes = 64 * 1024 * 1024;

/** What a report holds for whoever goes on with its run, or undoes it. */
export interface KeptReport {
  readonly publication: Publication;
  readonly earlier: Earlier;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** The same, when it was written. */
  readonly toldAt: number;
}

const tagSchema = v.pick(tagReportSchema, ["tag", "state", "isBeingWritten", "isUnwritten"]);
const time = v.pipe(v.string(), v.isoTimestamp());
const reportSchema = v.object({
  schemaVersion: v.literal(1),
  startedAt: time,
  endedAt: v.optional(time),
  updatedAt: v.optional(time),
  targets: v.array(v.object({ target: v.string(), tags: v.array(tagSchema) })),
  plan: v.optional(publicationSchema),
});

/**
 * Reads the report of an earlier run. Its account is believed as far as it narrows what may be undone; what tags name now is
 * asked of the registries.
 *
 * @throws WaybillError `invalid_argument` where it is no report, or one of a run that never came to a plan.
 */
export function parseReport(bytes: Uint8Array, what: string): KeptReport {
  const parsed = v.safeParse(reportSchema, parsedJson(bytes, what));
  if (!parsed.success) throw unreadable(what, issueOf(parsed.issues));
  const { plan: publication, targets, startedAt, endedAt, updatedAt } = parsed.output;
  if (!publication) throw unreadable(what, "its run never came to a plan, so that there is nothing to go on with");
  const writes = new Map(
    targets.flatMap(({ target, tags }) => tags.map((tag) => [tagName(target, tag.tag), writeTold(tag)] as const)),
  );
  return {
    publication,
    earlier: earlierOf(publication, writes),
    startedAt: Date.parse(startedAt),
    toldAt: Date.parse(endedAt ?? updatedAt ?? startedAt),
  };
}

/** A report of a run that had a plan and has not ended well. */
export interface UnsettledReport extends Pick<KeptReport, "publication" | "startedAt"> {
  readonly targets: readonly TargetReport[];
}

const unsettledSchema = v.object({
  ...reportSchema.entries,
  state: v.picklist(["unfinished", "failed", "interrupted"]),
  targets: v.array(targetReportSchema),
  plan: publicationSchema,
});

/** Reads such a report. @throws WaybillError `invalid_argument` where it is anything else. */
export function parseUnsettled(bytes: Uint8Array, what: string): UnsettledReport {
  const parsed = v.safeParse(unsettledSchema, parsedJson(bytes, what));
  if (!parsed.success) throw unreadable(what, issueOf(parsed.issues));
  const { plan: publication, startedAt, targets } = parsed.output;
  return { publication, startedAt: Date.parse(startedAt), targets };
}

function parsedJson(bytes: Uint8Array, what: string): unknown {
  try {
    return parseJson(bytes, { maxBytes: maxReportBytes, what });
  } catch (error) {
    throw unreadable(what, messageOf(error));
  }
}

function unreadable(what: string, seen: string): WaybillError {
  return new WaybillError("invalid_argument", `Cannot use ${what}: ${seen}`);
}
