import { wallTime } from "../async/clock.ts";
import { withDeadline } from "../async/deadline.ts";
import { hasCode, isRetryable, WaybillError } from "../errors.ts";
import { drain } from "../http/body.ts";
import { isPassingStatus, speaksOfLoad } from "../http/retry-policy.ts";
import { defaultMaxRetryAfterMs, askedWaitMs, waitAdvice, waitWords } from "../http/retry-after.ts";
import type { HttpHeaders, HttpResponse, RequestBody, RequestHistory } from "../http/send.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { algorithmOf, type Digest } from "../spec/digest.ts";
import { ask, contextOf, nameOfRepository, type Access } from "./access.ts";
import { hasBlob } from "./blobs.ts";
import { announcedDigest } from "./announced.ts";
import { errorFrom, readProblem, type Problem } from "./problem.ts";
import { heldBytes, placeFrom, withDigest, type UploadPlace } from "./upload-location.ts";
import type { UploadAnswer } from "./upload-events.ts";

const cancelDeadlineMs = 5_000;
/** The same where the run is ending: nobody waits for a registry's good order. */
const hastyDeadlineMs = 1_000;

/** An upload in one place, and what it is for. */
export interface Session {
  readonly access: Access;
  readonly blob: Pick<Descriptor, "digest" | "size">;
  readonly place: UploadPlace;
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
  /** Of the piece that is under way. */
  readonly history?: RequestHistory;
  /** Its last piece got no answer, perhaps because the server was closing a connection that it held idle. */
  readonly isFresh?: boolean;
}

export interface Piece {
  readonly offset: number;
  readonly length: number;
  /** The last piece, which goes with the closing PUT. */
  readonly closing: boolean;
  readonly body: RequestBody | Uint8Array;
}

/** What was answered, and where the upload lives from now on. */
export interface Sent {
  readonly answer: UploadAnswer;
  readonly place: UploadPlace;
}

/**
 * Sends one piece: PATCH, or the PUT that closes the upload.
 *
 * Spec: distribution-spec v1.1.1, "POST then PUT", "Pushing a blob in chunks".
 */
export async function sendPiece(session: Session, piece: Piece): Promise<Sent> {
  const { access, blob, place } = session;
  const { offset, length, closing, body } = piece;
  const isWhole = closing && (offset === 0 || length === 0);
  const response = await ask(access, {
    method: closing ? "PUT" : "PATCH",
    path: closing ? withDigest(place.url, blob.digest) : place.url,
    headers: {
      "content-type": "application/octet-stream",
      ...(!isWhole && { "content-range": `${offset}-${offset + length - 1}` }),
    },
    body,
    ...controls(session),
    ...carrying(session),
  });
  if (response.status < 200 || response.status >= 300) return { answer: await refusal(session, response), place };
  const { status, headers } = response;
  await drain(response);
  const next = closing ? place : (placeFrom(access, response) ?? place);
  if (closing)
    return { answer: { type: status === 201 && provesDigest(headers, blob.digest) ? "proved" : "unproved" }, place };
  if (status === 201) return { answer: { type: "unproved" }, place: next };
  return { answer: { type: "accepted", held: heldBytes(headers.get("range")) }, place: next };
}

/** What every request that carries content of `session` says beside where it goes and what it carries. */
export function carrying({ signal, onProgress, history, isFresh }: Omit<Session, "place">) {
  return {
    operation: "upload-body" as const,
    rights: "pull,push" as const,
    signal,
    ...(onProgress && { onProgress }),
    ...(history && { history }),
    ...(isFresh && { isFresh }),
  };
}

function controls({ place, signal }: Pick<Session, "place" | "signal">) {
  return { rights: "pull,push" as const, ...(place.ledBy && { ledBy: place.ledBy }), signal };
}

/** Whether a 201 names the blob: in `Docker-Content-Digest`, or at the end of its `Location`. */
export function provesDigest(headers: HttpHeaders, digest: Digest): boolean {
  const announced = announcedDigest(headers);
  if (announced !== undefined && algorithmOf(announced) === algorithmOf(digest)) return announced === digest;
  const location = headers.get("location") ?? "";
  const [path = ""] = location.split("?", 1);
  return path.endsWith(`/${digest}`) || path.endsWith(`/${encodeURIComponent(digest)}`);
}

/** What an error answer to a piece, or to a whole blob, means for the upload. */
export async function refusal(
  { access, blob }: Pick<Session, "access" | "blob">,
  response: HttpResponse,
): Promise<UploadAnswer> {
  const { status, headers } = response;
  const wait = askedWaitMs(response, access.clock);
  const problem = await readProblem(response);
  const doing = `Cannot push blob ${blob.digest} to`;
  const error = errorFrom(access, problem, { doing, sends: "blob", ...(wait !== undefined && { retryAfterMs: wait }) });
  if (status === 413) return { type: "too-large", error };
  if (status === 416) return { type: "out-of-range", held: heldBytes(headers.get("range")), error };
  if (status === 404 || status === 410 || isLostSession(problem)) return { type: "lost", error };
  if (hasCode(error, "digest_mismatch", "size_mismatch"))
    return { type: "corrupt", error: digestRefused(error, blob.digest) };
  if (hasCode(error, "busy")) return { type: "broken", ambiguous: true, error };
  if (asksTooMuch(access, error)) return { type: "refused", error: tooLong(access, error) };
  const ambiguous = ![408, 425, 429, 503].includes(status);
  return brokenOrRefused(access, error, { ambiguous, isRepeated: status === 429 });
}

/**
 * Some load balancers and secrets that changed make a registry forget a session; it says so with either code. Beside a status that
 * speaks of load they are no such news: the session may be there, and another request still be writing to it.
 */
function isLostSession({ status, codes }: Problem): boolean {
  if (speaksOfLoad(status)) return false;
  return codes.includes("BLOB_UPLOAD_UNKNOWN") || codes.includes("BLOB_UPLOAD_INVALID");
}

function digestRefused(error: WaybillError, digest: Digest): WaybillError {
  if (algorithmOf(digest) === "sha256") return error;
  const message = `${error.message}; the registry may not know ${algorithmOf(digest)}`;
  return new WaybillError("unsupported", message, error.context, { cause: error });
}

type Broken = Extract<UploadAnswer, { type: "broken" }>;

function brokenOrRefused(
  access: Access,
  error: unknown,
  about: Pick<Broken, "ambiguous" | "isRepeated">,
): UploadAnswer {
  if (!(error instanceof WaybillError) || !isRetryable(error) || asksTooMuch(access, error))
    return { type: "refused", error };
  return { type: "broken", error, ...about };
}

function asksTooMuch({ maxRetryAfterMs = defaultMaxRetryAfterMs }: Access, error: WaybillError): boolean {
  return isRetryable(error) && (error.context.retryAfterMs ?? 0) > maxRetryAfterMs;
}

function tooLong({ clock }: Access, { code, message, context }: WaybillError): WaybillError {
  const words = waitWords(context.retryAfterMs ?? 0, wallTime(clock));
  return new WaybillError(code, `${message}: ${words}`, { ...context, advice: waitAdvice });
}

/**
 * What a request that got no answer means: only one that left in full may have been carried out. What carries content was repeated
 * already where nothing of it had left, everything else in any case.
 */
export function unanswered(access: Access, error: unknown, carries: "content" | "nothing"): UploadAnswer {
  const sent = error instanceof WaybillError ? (error.context.sent ?? "all") : "all";
  return brokenOrRefused(access, error, {
    ambiguous: sent === "all",
    isRepeated: carries === "nothing" || sent === "nothing",
  });
}

/** Asks how many bytes the session holds. Spec: distribution-spec v1.1.1, "Pushing a blob in chunks", `GET <location>`. */
export async function askStatus(session: Omit<Session, "blob">): Promise<Sent> {
  const { access, place } = session;
  const response = await ask(access, {
    ...controls(session),
    method: "GET",
    path: place.url,
    operation: "upload-control",
  });
  if (response.status >= 200 && response.status < 300) {
    await drain(response);
    const bytes = heldBytes(response.headers.get("range"));
    const next = placeFrom(access, response) ?? place;
    if (bytes !== undefined) return { answer: { type: "held", bytes }, place: next };
    return { answer: { type: "statusless", error: untold(access) }, place: next };
  }
  const problem = await readProblem(response);
  const error = errorFrom(access, problem, { doing: "Cannot resume an upload in" });
  if (isLostSession(problem)) return { answer: { type: "lost", error }, place };
  if (!isPassingStatus(response.status)) return { answer: { type: "statusless", error }, place };
  return { answer: { type: "broken", ambiguous: false, isRepeated: true, error }, place };
}

function untold(access: Access): WaybillError {
  const message = `Cannot resume an upload in "${nameOfRepository(access)}": the registry does not say how much it holds`;
  return new WaybillError("unavailable", message, contextOf(access));
}

/** Looks whether the blob is there after all. */
export async function verifyBlob({ access, blob, signal }: Omit<Session, "place">): Promise<UploadAnswer> {
  const isThere = await hasBlob(access, blob, { signal });
  return isThere === true ? { type: "present", outcome: "existed", holdsSession: false } : { type: "absent" };
}

/**
 * Gives a session up, as well as that goes within 5 s, or 1 s once `run` has aborted. Never throws: some registries do not let
 * everybody cancel.
 */
export async function cancelSession(
  { access, place }: Pick<Session, "access" | "place">,
  run?: AbortSignal,
): Promise<boolean> {
  try {
    return await withDeadline(access.clock, run?.aborted ? hastyDeadlineMs : cancelDeadlineMs, async (signal) => {
      const led = place.ledBy ? { ledBy: place.ledBy } : {};
      const request = { method: "DELETE", path: place.url, operation: "upload-control", rights: "pull,push" } as const;
      const response = await ask(access, { ...request, ...led, signal });
      await drain(response);
      return response.status < 300;
    });
  } catch {
    return false;
  }
}
