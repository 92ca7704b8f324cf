import * as v from "valibot";
import { messageOf, WaybillError } from "../errors.ts";
import { issueOf } from "../spec/descriptor.ts";
import { parseJson } from "../spec/json.ts";
import { publicationSchema, type Publication } from "./publication.ts";
import { tagName, type Earlier } from "./recording.ts";
import { tagReportSchema } from "./report.ts";
import { tagStates, type TagState } from "./result.ts";

/** As much as a report may have. */
export const maxReportBytes = 64 * 1024 * 1024;

/** What a report holds for whoever goes on with its run, or undoes it. */
export interface KeptReport {
  readonly publication: Publication;
  readonly earlier: Earlier;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

const tagSchema = v.pick(tagReportSchema, ["tag", "state", "isBeingWritten"]);
const reportSchema = v.object({
  schemaVersion: v.literal(1),
  startedAt: v.pipe(v.string(), v.isoTimestamp()),
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
  const { plan: publication, targets, startedAt } = parsed.output;
  if (!publication) throw unreadable(what, "its run never came to a plan, so that there is nothing to go on with");
  const before = publication.targets.flatMap(({ target, before }) =>
    Object.entries(before).map(([tag, digest]) => [tagName(target, tag), digest] as const),
  );
  const ours = targets.flatMap(({ target, tags }) =>
    tags
      .filter(({ state, isBeingWritten }) => isBeingWritten || mayHoldOurs(state))
      .map(({ tag }) => tagName(target, tag)),
  );
  return {
    publication,
    earlier: { before: new Map(before), written: new Set(ours), sessions: new Map() },
    startedAt: Date.parse(startedAt),
  };
}

/** A tag in this state was written by the run, or may have been, and was not put back. */
function mayHoldOurs(state: TagState): boolean {
  return tagStates[state].wasTried && tagStates[state].names !== "old";
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
