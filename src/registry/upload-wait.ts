import { repetitionMs } from "../async/backoff.ts";
import { WaybillError } from "../errors.ts";
import { pause, type Failed } from "../http/pause.ts";
import { nameOfRepository, type Access } from "./access.ts";
import type { UploadCommand } from "./upload-events.ts";
import { uploadsPath, type UploadPlace } from "./upload-location.ts";

/** An upload that waits. */
export interface Waiting {
  readonly access: Access;
  /** The method of the request that failed. */
  readonly method: Failed["method"];
  /** Where that went; absent where no session was open. */
  readonly place: UploadPlace | undefined;
  readonly signal: AbortSignal;
}

/** Waits before an upload goes on, told as the wait of any request is. @throws the signal's reason, as soon as it aborts */
export function waitToGoOn(
  { access, method, place, signal }: Waiting,
  { attempt, error }: Extract<UploadCommand, { run: "wait" }>,
): Promise<void> {
  const { baseUrl, repository, host, task, random } = access;
  const askedMs = error instanceof WaybillError ? error.context.retryAfterMs : undefined;
  const delayMs = repetitionMs(attempt, askedMs, random);
  const url = place?.url ?? `${baseUrl}/v2/${repository}/${uploadsPath()}`;
  const failed = { method, url, registry: host, target: nameOfRepository(access), task, signal };
  return pause(failed, { attempt, delayMs, ...reasonOf(error) }, access);
}

function reasonOf(error: unknown): { readonly why: string; readonly cause: string } {
  if (!(error instanceof WaybillError)) return { why: "internal", cause: "internal" };
  const { code, message, context } = error;
  // What was thrown says what had left. Its status, where it has one, is a token service's.
  const isAnswer = context.status !== undefined && context.sent === undefined;
  return isAnswer ? { why: `HTTP ${context.status}`, cause: `${context.status}` } : { why: message, cause: code };
}
