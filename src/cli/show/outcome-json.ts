import { WaybillError, type ErrorContext } from "../../errors.ts";
import type { Digest } from "../../spec/digest.ts";
import { formatLocation } from "../../spec/reference.ts";
import { failureOf } from "../../telemetry/task.ts";
import { namedNow, type TagResult, type TargetResult } from "../../transfer/result.ts";
import { exitCodeOf } from "../exit-code.ts";
import type { Outcome } from "./show.ts";

/** What a run came to, for programs: per target and tag, and what the exit code speaks of. */
export function outcomeJson({ result, error }: Outcome): object {
  return {
    digest: result?.root.descriptor.digest,
    mediaType: result?.root.descriptor.mediaType,
    targets: result?.targets.map((target) => targetJson(target, result.root.descriptor.digest)) ?? [],
    error: error === undefined ? undefined : { ...errorJson(error), exitCode: exitCodeOf(error) },
  };
}

function targetJson(target: TargetResult, root: Digest): object {
  const { at, tags, sentBytes, mountedBytes, skippedBytes, durationMs, error, heldBack } = target;
  return {
    target: formatLocation(at),
    tags: tags.map((tag) => tagJson(tag, root)),
    sentBytes,
    mountedBytes,
    skippedBytes,
    durationMs,
    heldBack,
    error: error === undefined ? undefined : errorJson(error),
  };
}

function tagJson(result: TagResult, root: Digest): object {
  const { tag, state, before, why, isUnwritten } = result;
  return { tag, state, before, after: namedNow(result, root), why, isUnwritten };
}

function errorJson(error: unknown): object {
  const context: ErrorContext = error instanceof WaybillError ? error.context : {};
  const { status, registryCode, detail, advice } = context;
  return { ...failureOf(error), status, registryCode, detail, advice };
}
