import * as v from "valibot";
import { WaybillError, type ErrorContext } from "../errors.ts";
import { isDigest, type Digest } from "../spec/digest.ts";
import { recordOf } from "../spec/record-schema.ts";
import { formatLocation } from "../spec/reference.ts";
import type { PreflightResult } from "./look.ts";
import { namedJson, type Named } from "./named.ts";
import { publicationId, type Publication } from "./publication.ts";
import type { Ending } from "./recording.ts";
import { degradation, type TelemetryHealth } from "../telemetry/health.ts";
import { failureOf } from "../telemetry/task.ts";
import type { Repeats } from "./repeats.ts";
import { namedNow, tagStates, writtenState, type TagState, type TargetResult } from "./result.ts";
import type { TagPast } from "./tag-past.ts";

/**
 * The account of a publish, as `--report` writes it and `schema/report-1.json` describes it. It holds the plan, so that
 * `resume` and `rollback` can work from it on another machine, and no secret. Strings may come from registries.
 */
export interface PublishReport {
  readonly schemaVersion: 1;
  readonly id?: string;
  /** `unfinished`: it is still running, or its process ended without a word. */
  readonly state: "unfinished" | Ending["state"];
  readonly startedAt: string;
  readonly endedAt?: string;
  /** When this was written, while the run goes on. */
  readonly updatedAt?: string;
  readonly root?: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
  /** In the order of the command line. */
  readonly targets: readonly TargetReport[];
  /** Milliseconds between the first and the last move of a tag, over all targets; absent below two moves. */
  readonly tagSkewMs?: number;
  /** Why nothing was published, where no target is to blame. */
  readonly error?: ErrorReport;
  readonly plan?: Publication;
  /** How telemetry fared; absent where it was off, or where the process has ended before it was done. */
  readonly telemetry?: TelemetryReport;
}

export interface TelemetryReport extends Pick<TelemetryHealth, "spansSent" | "spansDropped" | "problems"> {
  /** In one sentence, where not all is well. */
  readonly degraded?: string;
}

/** What was done at one repository or layout. Bytes are bytes of blobs. */
export interface TargetReport {
  readonly target: string;
  readonly tags: readonly TagReport[];
  readonly sentBytes: number;
  readonly mountedBytes: number;
  readonly skippedBytes: number;
  readonly durationMs: number;
  /** How often a request or an upload towards it was sent again. */
  readonly retries?: number;
  /** Not tagged, or given up, because another target failed. */
  readonly heldBack?: true;
  readonly error?: ErrorReport;
  readonly preflight?: PreflightResult;
}

/** What became of one tag. */
export interface TagReport {
  readonly tag: string;
  readonly state: TagState;
  /** What it named before; null: nothing. Absent: nobody knows, because it was not looked at or the registry did not say. */
  readonly before?: Digest | null;
  /** What it names now; null: nothing. Absent: nobody can know. */
  readonly after?: Digest | null;
  /** What else there is to say, such as why a new tag was left behind by a roll-back. */
  readonly why?: string;
  /** How often its write was sent. */
  readonly attempts?: number;
  /** The write of this tag had begun when this was written. */
  readonly isBeingWritten?: true;
  /** For `failed`: its write has changed nothing, for certain. Absent: it may have, or nobody has told. */
  readonly isUnwritten?: true;
}

/** An error as data. Strings may come from registries. */
export interface ErrorReport {
  /** One of Waybill's error codes. */
  readonly class: string;
  readonly message: string;
  readonly registry?: string;
  readonly repository?: string;
  /** The HTTP status and the registry's own code and words. */
  readonly status?: number;
  readonly registryCode?: string;
  readonly detail?: string;
  readonly advice?: string;
}

const digest = v.custom<Digest>(isDigest, "not a digest");

const errorSchema = v.object({
  class: v.string(),
  message: v.string(),
  registry: v.optional(v.string()),
  repository: v.optional(v.string()),
  status: v.optional(v.number()),
  registryCode: v.optional(v.string()),
  detail: v.optional(v.string()),
  advice: v.optional(v.string()),
});

const preflightSchema = v.object({
  push: v.picklist(["allowed", "unknown"]),
  immutable: recordOf(v.string(), v.picklist(["no", "unknown"])),
  pullQuota: v.optional(
    v.object({ remaining: v.number(), limit: v.optional(v.number()), windowSeconds: v.optional(v.number()) }),
  ),
});

/** A tag of a report that was written down. */
export const tagReportSchema = v.object({
  tag: v.string(),
  state: v.picklist(Object.keys(tagStates) as TagState[]),
  before: v.optional(v.nullable(digest)),
  after: v.optional(v.nullable(digest)),
  why: v.optional(v.string()),
  attempts: v.optional(v.number()),
  isBeingWritten: v.optional(v.literal(true)),
  isUnwritten: v.optional(v.literal(true)),
});

/** A target of a report that was written down. */
export const targetReportSchema: v.GenericSchema<unknown, TargetReport> = v.object({
  target: v.string(),
  tags: v.array(tagReportSchema),
  sentBytes: v.number(),
  mountedBytes: v.number(),
  skippedBytes: v.number(),
  durationMs: v.number(),
  retries: v.optional(v.number()),
  heldBack: v.optional(v.literal(true)),
  error: v.optional(errorSchema),
  preflight: v.optional(preflightSchema),
});

/** When a publish began and ended, in milliseconds since the epoch. */
export interface ReportTimes {
  readonly startedAt: number;
  readonly endedAt: number;
}

/** The final account. `publication` is absent where it never came to a plan, `repeats` where nobody has counted. */
export function reportOf(
  ending: Ending,
  times: ReportTimes,
  publication?: Publication,
  repeats?: Repeats,
): PublishReport {
  const skew = tagSkewMs(ending.results);
  return {
    ...headOf(publication, ending.state, times.startedAt),
    endedAt: timeText(times.endedAt),
    targets: targetReports(ending.results, publication?.root.digest, repeats),
    ...(skew !== undefined && { tagSkewMs: skew }),
    ...(ending.error !== undefined && { error: errorReport(ending.error) }),
    ...(publication && { plan: publication }),
  };
}

/** The account while it runs: no tag is told as written before that was acknowledged, and of one whose write has begun not what it names. */
export function interimReport(
  publication: Publication,
  { startedAt, updatedAt }: { readonly startedAt: number; readonly updatedAt: number },
  seen: {
    readonly begun: (target: string, tag: string) => boolean;
    readonly tagged: (target: string, tag: string) => boolean;
  },
): PublishReport {
  const { root, targets } = publication;
  return {
    ...headOf(publication, "unfinished", startedAt),
    updatedAt: timeText(updatedAt),
    targets: targets.map(({ target, tags, before }) => ({
      target,
      tags: tags.map((tag): TagReport => {
        const was = before[tag];
        const isTagged = seen.tagged(target, tag);
        const state: TagState = isTagged ? writtenState(was) : was === root.digest ? "unchanged" : "not-attempted";
        const known = { tag, state, ...beforeOf(was) };
        if (!isTagged && seen.begun(target, tag)) return { ...known, isBeingWritten: true };
        return { ...known, ...afterOf(namedNow({ state, before: was }, root.digest)) };
      }),
      sentBytes: 0,
      mountedBytes: 0,
      skippedBytes: 0,
      durationMs: 0,
    })),
    plan: publication,
  };
}

/** How far a tag that was told so has come to be written, and is so still; absent also where nothing of a write is left. */
export function writeTold({
  state,
  isBeingWritten,
  isUnwritten,
}: Pick<TagReport, "state" | "isBeingWritten" | "isUnwritten">): TagPast["write"] {
  const { wasTried, names } = tagStates[state];
  if (isBeingWritten) return "begun";
  if (!wasTried || names === "old" || isUnwritten) return undefined;
  return names === "root" ? "acknowledged" : "begun";
}

function headOf(publication: Publication | undefined, state: PublishReport["state"], startedAt: number) {
  const head = { schemaVersion: 1, state, startedAt: timeText(startedAt) } as const;
  if (!publication) return head;
  const { mediaType, digest, size } = publication.root;
  return { ...head, id: publicationId(publication), root: { mediaType, digest, size } };
}

/** What happened at each target, as data. */
export function targetReports(
  results: readonly TargetResult[],
  root: Digest | undefined,
  repeats?: Repeats,
): readonly TargetReport[] {
  return results.map((result) => ({
    target: formatLocation(result.at),
    tags: result.tags.map(({ tag, state, before, now, why, isUnwritten }) => ({
      tag,
      state,
      ...beforeOf(before),
      ...afterOf(namedNow({ state, before, now }, root)),
      ...(why !== undefined && { why }),
      ...(isUnwritten && { isUnwritten }),
      ...(repeats && tagStates[state].wasTried && { attempts: 1 + repeats.ofTag(result.at, tag) }),
    })),
    sentBytes: result.sentBytes,
    mountedBytes: result.mountedBytes,
    skippedBytes: result.skippedBytes,
    durationMs: result.durationMs,
    ...(repeats && { retries: repeats.atTarget(result.at) }),
    ...(result.heldBack && { heldBack: true as const }),
    ...(result.error !== undefined && { error: errorReport(result.error) }),
    ...(result.preflight && { preflight: result.preflight }),
  }));
}

/** The account with what became of telemetry, which is known later than all else. */
export function withTelemetry(report: PublishReport, health: TelemetryHealth): PublishReport {
  const { spansSent, spansDropped, problems } = health;
  const degraded = degradation(health);
  return { ...report, telemetry: { ...(degraded !== undefined && { degraded }), spansSent, spansDropped, problems } };
}

function beforeOf(before: Named | undefined): Pick<TagReport, "before"> {
  return before === undefined ? {} : { before: namedJson(before) };
}

function afterOf(named: Named | undefined): Pick<TagReport, "after"> {
  return named === undefined ? {} : { after: namedJson(named) };
}

/** Milliseconds between the first and the last move of a tag; `undefined` below two moves. */
function tagSkewMs(results: readonly TargetResult[]): number | undefined {
  const times = results.flatMap(({ tags }) => tags.flatMap(({ writtenAt }) => writtenAt ?? []));
  return times.length < 2 ? undefined : Math.max(...times) - Math.min(...times);
}

function errorReport(error: unknown): ErrorReport {
  const { code, message } = failureOf(error);
  const context: ErrorContext = error instanceof WaybillError ? error.context : {};
  const { registry, repository, status, registryCode, detail, advice } = context;
  const facts = { registry, repository, status, registryCode, detail, advice };
  const known = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
  return { class: code, message, ...known };
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}
